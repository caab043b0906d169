<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Illuminate\Testing\TestResponse;
use RuntimeException;

/** The webhook receiver. */
final class WebhookTest extends TestCase
{
    private const EVENTS = [
        UserCameOnline::class, UserWentAway::class, UserWentOffline::class, PresenceUpdated::class,
        PresenceBroadcast::class,
    ];

    private const OTHER_SECRET = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=';

    protected array $config = [
        'presence.webhook.receiver.path' => 'hooks/sidecar',
        'presence.webhook.secret' => self::WEBHOOK_SECRET,
    ];

    protected function setUp(): void
    {
        parent::setUp();
        Event::fake(self::EVENTS);
    }

    private function body(string $event, int $seq = 1, array $more = []): string
    {
        $body = $more + [
            'user_id' => $this->id,
            'occurred_at' => '2026-03-04T05:06:07+00:00',
            'meta' => ['ip' => '10.0.0.1', 'url' => 'https://ex.test/é'],
            'id' => "evt-{$this->id}-{$seq}",
            'event' => $event,
            'status' => $event === 'heartbeat' ? 'online' : $event,
            'seq' => $seq,
            'scope' => ['tenant' => null, 'location' => null, 'domain' => null, 'guard' => 'web'],
        ];

        return (string) json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }

    /** @return array<string, string> the package's own header */
    private function signed(string $body, array $secrets = [self::WEBHOOK_SECRET], int $age = 0): array
    {
        $time = time() - $age;
        $sign = fn (string $secret): string => ',v1=' . hash_hmac('sha256', "{$time}.{$body}", $secret);

        return ['X-Presence-Signature' => "t={$time}" . implode('', array_map($sign, $secrets))];
    }

    /** @return array<string, string> the headers of Standard Webhooks */
    private function signedByStandard(string $body, array $keys = [self::WEBHOOK_SECRET], int $age = 0): array
    {
        $time = time() - $age;
        $sign = fn (string $key): string
            => 'v1,' . base64_encode(hash_hmac('sha256', "msg-1.{$time}.{$body}", $key, true));

        return [
            'webhook-id' => 'msg-1',
            'webhook-timestamp' => (string) $time,
            'webhook-signature' => implode(' ', array_map($sign, $keys)),
        ];
    }

    private function receive(string $body, ?array $headers = null): TestResponse
    {
        $headers = ($headers ?? $this->signed($body)) + ['Content-Type' => 'application/json'];
        $server = $this->transformHeadersToServerVars($headers);

        return $this->call('POST', '/hooks/sidecar', [], [], [], $server, $body);
    }

    public function test_the_receiver_is_off_until_it_has_a_path(): void
    {
        $this->configured([]);
        self::assertFalse(Route::has('presence.webhook'));
        $this->post('/hooks/sidecar')->assertNotFound();
    }

    public function test_every_kind_of_news_is_dispatched_as_its_event(): void
    {
        $this->receive($this->body('online', 1))->assertNoContent();
        $this->receive($this->body('away', 2))->assertNoContent();
        $this->receive($this->body('offline', 3))->assertNoContent();
        $this->receive($this->body('heartbeat', 4))->assertNoContent();

        foreach ([UserCameOnline::class, UserWentAway::class, UserWentOffline::class] as $event) {
            Event::assertDispatchedTimes($event, 1);
        }
        Event::assertDispatched(UserWentAway::class, fn (UserWentAway $event): bool => $event->userId === $this->id
            && array_slice(array_keys($event->payload), 0, 3) === ['user_id', 'occurred_at', 'meta']
            && $event->payload['meta']['url'] === 'https://ex.test/é');
        $isHeartbeat = fn (PresenceUpdated $event): bool => $event->type === 'heartbeat';
        Event::assertDispatched(PresenceUpdated::class, $isHeartbeat);
        Event::assertNotDispatched(PresenceBroadcast::class);
    }

    public function test_an_announcement_of_who_is_online_already_is_an_update(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('online', 2));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        $isOnline = fn (PresenceUpdated $event): bool => $event->type === 'online';
        Event::assertDispatched(PresenceUpdated::class, $isOnline);
    }

    public function test_standard_webhooks_headers_are_proof_enough(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->signedByStandard($body))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }

    public function test_a_standard_secret_is_decoded_for_its_own_family_alone(): void
    {
        $this->configured(['presence.webhook.secret' => self::OTHER_SECRET] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $key = (string) base64_decode(substr(self::OTHER_SECRET, 6));
        $this->receive($body, $this->signedByStandard($body, [$key]))->assertNoContent();
        $this->receive($body, $this->signed($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->signed($body, [$key]))->assertUnauthorized();
    }

    public function test_while_secrets_change_any_of_them_proves(): void
    {
        $this->configured(['presence.webhook.previous_secrets' => [self::OTHER_SECRET]] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $this->receive($body, $this->signed($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->signed($body, ['a secret of tomorrow', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->signedByStandard($body, ['tomorrow', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->signed($body, ['yesterday']))->assertUnauthorized();
    }

    public function test_other_headers_and_algorithms_can_be_configured(): void
    {
        $more = ['presence.webhook.signature_header' => 'X-Signed', 'presence.webhook.algo' => 'sha512'];
        $this->configured($more + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $time = time();
        $signature = hash_hmac('sha512', "{$time}.{$body}", self::WEBHOOK_SECRET);
        $this->receive($body, ['X-Signed' => "t={$time}, v1={$signature}"])->assertNoContent();
        $this->receive($body)->assertUnauthorized();
    }

    public function forgeries(): array
    {
        return [
            'no header' => [fn (): array => []],
            'nonsense' => [fn (): array => ['X-Presence-Signature' => 't=,,v1=,=', 'webhook-signature' => 'v1']],
            'another secret' => [fn (self $test, string $body): array => $test->signed($body, ['wrong'])],
            'another body' => [fn (self $test, string $body): array => $test->signed("{$body} ")],
            'too old' => [fn (self $test, string $body): array => $test->signed($body, age: 301)],
            'too old by standard' => [fn (self $test, string $body): array => $test->signedByStandard($body, age: 301)],
            'of the future' => [fn (self $test, string $body): array => $test->signed($body, age: -303)],
            'no time' => [fn (self $test, string $body): array => [
                'X-Presence-Signature' => 'v1=' . hash_hmac('sha256', ".{$body}", self::WEBHOOK_SECRET),
            ]],
            'no id' => [fn (self $test, string $body): array => ['webhook-id' => ''] + $test->signedByStandard($body)],
        ];
    }

    /** @dataProvider forgeries */
    public function test_what_is_not_proven_is_refused(callable $headers): void
    {
        $body = $this->body('online');
        $this->receive($body, $headers($this, $body))->assertUnauthorized();
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_without_a_secret_or_with_the_one_everybody_knows_nothing_is_believed(): void
    {
        foreach ([null, '', 'test-secret'] as $secret) {
            $this->configured(['presence.webhook.secret' => $secret] + $this->config);
            $body = $this->body('online');
            $this->receive($body, $this->signed($body, [(string) $secret]))->assertUnauthorized();
        }
    }

    public function test_five_minutes_of_delay_are_tolerated(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->signed($body, age: 299))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }

    public function test_what_was_told_is_not_told_again_nor_is_what_is_older(): void
    {
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5, ['id' => "again-{$this->id}"]))->assertNoContent();
        $this->receive($this->body('offline', 4))->assertNoContent();
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertNotDispatched(UserWentOffline::class);
        Event::assertNotDispatched(PresenceUpdated::class);
    }

    public function test_a_heartbeat_between_two_announcements_is_no_departure(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('heartbeat', 2));
        $this->receive($this->body('online', 3));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertDispatchedTimes(PresenceUpdated::class, 2);
    }

    public function test_users_of_the_same_id_in_other_scopes_are_others(): void
    {
        $this->receive($this->body('online', 5));
        $this->receive($this->body('online', 4, ['scope' => ['tenant' => 'acme', 'guard' => 'web']]));
        Event::assertDispatchedTimes(UserCameOnline::class, 2);
    }

    public function test_a_listener_that_fails_gets_it_again(): void
    {
        $this->configured($this->config);
        $tries = 0;
        Event::listen(UserCameOnline::class, function () use (&$tries): void {
            if (++$tries === 1) {
                throw new RuntimeException('not yet');
            }
        });
        $this->receive($this->body('online'))->assertStatus(500);
        $this->receive($this->body('online'))->assertNoContent();
        $this->receive($this->body('online'))->assertNoContent();
        self::assertSame(2, $tries);
    }

    public function test_a_ping_is_answered_and_nonsense_is_refused(): void
    {
        $this->receive($this->body('ping', 1, ['user_id' => null]))->assertNoContent();
        foreach (['{}', '[]', 'null', '"x"', '{', '{"user_id":1}', '{"user_id":{},"event":"online"}'] as $nonsense) {
            $this->receive($nonsense)->assertStatus(422);
        }
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_the_transition_of_an_own_call_is_announced_by_the_webhook_alone(): void
    {
        Presence::heartbeat($this->user());
        Event::assertNotDispatched(UserCameOnline::class);
        Event::assertDispatchedTimes(PresenceUpdated::class, 1);
        $this->receive($this->body('online'));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }

    public function test_broadcasts_tell_everybody_the_status_and_the_user_alone_the_meta(): void
    {
        $this->configured(['presence.webhook.receiver.broadcast' => true] + $this->config);
        $heard = [];
        $this->app->make('config')->set('broadcasting.default', 'log');
        $this->receive($this->body('away', 7))->assertNoContent();
        $broadcast = '/Broadcasting \[(\S+)\] on channels \[(\S+)\] with payload:\n(\{.*?\n\})/s';
        preg_match_all($broadcast, $this->logged(), $found, PREG_SET_ORDER);
        foreach ($found as [, $name, $channel, $payload]) {
            self::assertSame('presence.updated', $name);
            $heard[$channel] = json_decode($payload, true);
        }
        self::assertSame(['presence.global', "private-presence.user.{$this->id}"], array_keys($heard));
        self::assertSame(['status' => 'away'], $heard['presence.global']['meta']);
        self::assertSame([$this->id, 'away', 7], [
            $heard['presence.global']['user_id'], $heard['presence.global']['status'], $heard['presence.global']['seq'],
        ]);
        self::assertSame('10.0.0.1', $heard["private-presence.user.{$this->id}"]['meta']['ip']);
    }

    public function test_a_receiver_that_the_app_wrote_for_the_old_package_takes_them_as_well(): void
    {
        $body = $this->body('online');
        $this->app->make('config')->set('broadcasting.default', 'log');
        $server = $this->transformHeadersToServerVars($this->signed($body));
        $this->call('POST', '/hooks/presence', [], [], [], $server, $body)->assertNoContent();
        $told = 'Broadcasting [presence.updated] on channels [presence.global]';
        self::assertStringContainsString($told, $this->logged());
        $this->call('POST', '/hooks/presence', [], [], [], [], $body)->assertUnauthorized();
    }
}

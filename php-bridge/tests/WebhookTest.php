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
use PHPUnit\Framework\Attributes\DataProvider;
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

    private function body(string $event, int $seq = 1, array $fields = []): string
    {
        $body = $fields + [
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

    /** @return array<string, string> the header X-Presence-Signature */
    private function sign(string $body, array $secrets = [self::WEBHOOK_SECRET], int $age = 0): array
    {
        $time = time() - $age;
        $sign = fn (string $secret): string => ',v1=' . hash_hmac('sha256', "{$time}.{$body}", $secret);

        return ['X-Presence-Signature' => "t={$time}" . implode('', array_map($sign, $secrets))];
    }

    /** @return array<string, string> the headers of Standard Webhooks */
    private function signStandard(string $body, array $keys = [self::WEBHOOK_SECRET], int $age = 0): array
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
        $headers = ($headers ?? $this->sign($body)) + ['Content-Type' => 'application/json'];
        $server = $this->transformHeadersToServerVars($headers);

        return $this->call('POST', '/hooks/sidecar', [], [], [], $server, $body);
    }

    public function test_receiver_is_off_without_path(): void
    {
        $this->reconfigure([]);
        self::assertFalse(Route::has('presence.webhook'));
        $this->post('/hooks/sidecar')->assertNotFound();
    }

    public function test_receiver_dispatches_one_event_per_change(): void
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

    public function test_online_of_online_user_dispatches_update(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('online', 2));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        $isOnline = fn (PresenceUpdated $event): bool => $event->type === 'online';
        Event::assertDispatched(PresenceUpdated::class, $isOnline);
    }

    public function test_receiver_accepts_standard_webhooks_signature(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->signStandard($body))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }

    public function test_whsec_secret_is_decoded_for_standard_webhooks_only(): void
    {
        $this->reconfigure(['presence.webhook.secret' => self::OTHER_SECRET] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $key = (string) base64_decode(substr(self::OTHER_SECRET, 6));
        $this->receive($body, $this->signStandard($body, [$key]))->assertNoContent();
        $this->receive($body, $this->sign($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, [$key]))->assertUnauthorized();
    }

    public function test_receiver_accepts_current_and_previous_secrets(): void
    {
        $this->reconfigure(['presence.webhook.previous_secrets' => [self::OTHER_SECRET]] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $this->receive($body, $this->sign($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, ['next secret', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->signStandard($body, ['next secret', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, ['expired secret']))->assertUnauthorized();
    }

    public function test_signature_header_and_algorithm_are_configurable(): void
    {
        $overrides = ['presence.webhook.signature_header' => 'X-Signed', 'presence.webhook.algo' => 'sha512'];
        $this->reconfigure($overrides + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $time = time();
        $signature = hash_hmac('sha512', "{$time}.{$body}", self::WEBHOOK_SECRET);
        $this->receive($body, ['X-Signed' => "t={$time}, v1={$signature}"])->assertNoContent();
        $this->receive($body)->assertUnauthorized();
    }

    public static function invalidSignatures(): array
    {
        return [
            'no header' => [fn (): array => []],
            'malformed' => [fn (): array => ['X-Presence-Signature' => 't=,,v1=,=', 'webhook-signature' => 'v1']],
            'wrong secret' => [fn (self $test, string $body): array => $test->sign($body, ['wrong'])],
            'modified body' => [fn (self $test, string $body): array => $test->sign("{$body} ")],
            'too old' => [fn (self $test, string $body): array => $test->sign($body, age: 301)],
            'too old, standard' => [fn (self $test, string $body): array => $test->signStandard($body, age: 301)],
            'from the future' => [fn (self $test, string $body): array => $test->sign($body, age: -303)],
            'no timestamp' => [fn (self $test, string $body): array => [
                'X-Presence-Signature' => 'v1=' . hash_hmac('sha256', ".{$body}", self::WEBHOOK_SECRET),
            ]],
            'no id' => [fn (self $test, string $body): array => ['webhook-id' => ''] + $test->signStandard($body)],
        ];
    }

    /** @dataProvider invalidSignatures */
    #[DataProvider('invalidSignatures')]
    public function test_receiver_rejects_invalid_signature(callable $headers): void
    {
        $body = $this->body('online');
        $this->receive($body, $headers($this, $body))->assertUnauthorized();
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_receiver_rejects_all_without_secret_or_with_example_secret(): void
    {
        foreach ([null, '', 'test-secret'] as $secret) {
            $this->reconfigure(['presence.webhook.secret' => $secret] + $this->config);
            $body = $this->body('online');
            $this->receive($body, $this->sign($body, [(string) $secret]))->assertUnauthorized();
        }
    }

    public function test_receiver_accepts_signature_younger_than_five_minutes(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->sign($body, age: 299))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }

    public function test_receiver_ignores_duplicate_and_stale_changes(): void
    {
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5, ['id' => "other-{$this->id}"]))->assertNoContent();
        $this->receive($this->body('offline', 4))->assertNoContent();
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertNotDispatched(UserWentOffline::class);
        Event::assertNotDispatched(PresenceUpdated::class);
    }

    public function test_online_after_heartbeat_of_online_user_dispatches_update(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('heartbeat', 2));
        $this->receive($this->body('online', 3));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertDispatchedTimes(PresenceUpdated::class, 2);
    }

    public function test_same_user_id_in_different_scopes_is_tracked_separately(): void
    {
        $this->receive($this->body('online', 5));
        $this->receive($this->body('online', 4, ['scope' => ['tenant' => 'acme', 'guard' => 'web']]));
        Event::assertDispatchedTimes(UserCameOnline::class, 2);
    }

    public function test_change_is_dispatched_again_after_listener_failed(): void
    {
        $this->reconfigure($this->config);
        $tries = 0;
        Event::listen(UserCameOnline::class, function () use (&$tries): void {
            if (++$tries === 1) {
                throw new RuntimeException('listener failed');
            }
        });
        $this->receive($this->body('online'))->assertStatus(500);
        $this->receive($this->body('online'))->assertNoContent();
        $this->receive($this->body('online'))->assertNoContent();
        self::assertSame(2, $tries);
    }

    public function test_receiver_accepts_ping_and_rejects_malformed_body(): void
    {
        $this->receive($this->body('ping', 1, ['user_id' => null]))->assertNoContent();
        foreach (['{}', '[]', 'null', '"x"', '{', '{"user_id":1}', '{"user_id":{},"event":"online"}'] as $malformed) {
            $this->receive($malformed)->assertStatus(422);
        }
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_transition_of_own_call_is_dispatched_by_webhook_only(): void
    {
        Presence::heartbeat($this->user());
        Event::assertNotDispatched(UserCameOnline::class);
        Event::assertDispatchedTimes(PresenceUpdated::class, 1);
        $this->receive($this->body('online'));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }

    public function test_public_broadcast_has_status_and_private_broadcast_has_meta(): void
    {
        $this->reconfigure(['presence.webhook.receiver.broadcast' => true] + $this->config);
        $broadcasts = [];
        $this->app->make('config')->set('broadcasting.default', 'log');
        $this->receive($this->body('away', 7))->assertNoContent();
        $broadcast = '/Broadcasting \[(\S+)\] on channels \[(\S+)\] with payload:\n(\{.*?\n\})/s';
        preg_match_all($broadcast, $this->logContents(), $matches, PREG_SET_ORDER);
        foreach ($matches as [, $name, $channel, $payload]) {
            self::assertSame('presence.updated', $name);
            $broadcasts[$channel] = json_decode($payload, true);
        }
        self::assertSame(['presence.global', "private-presence.user.{$this->id}"], array_keys($broadcasts));
        $public = $broadcasts['presence.global'];
        self::assertSame(['status' => 'away'], $public['meta']);
        self::assertSame([$this->id, 'away', 7], [$public['user_id'], $public['status'], $public['seq']]);
        self::assertSame('10.0.0.1', $broadcasts["private-presence.user.{$this->id}"]['meta']['ip']);
    }

    public function test_receiver_of_app_for_old_package_accepts_webhook(): void
    {
        $body = $this->body('online');
        $this->app->make('config')->set('broadcasting.default', 'log');
        $server = $this->transformHeadersToServerVars($this->sign($body));
        $this->call('POST', '/hooks/presence', [], [], [], $server, $body)->assertNoContent();
        $expected = 'Broadcasting [presence.updated] on channels [presence.global]';
        self::assertStringContainsString($expected, $this->logContents());
        $this->call('POST', '/hooks/presence', [], [], [], [], $body)->assertUnauthorized();
    }
}

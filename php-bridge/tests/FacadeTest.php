<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Event;
use LogicException;
use PHPUnit\Framework\Attributes\DataProvider;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The facade, over TCP and over a unix socket. */
final class FacadeTest extends TestCase
{
    public static function transports(): array
    {
        return ['TCP' => [false], 'unix socket' => [true]];
    }

    private function useTransport(bool $isUnix): void
    {
        if ($isUnix) {
            $this->reconfigure(['presence.sidecar.url' => null, 'presence.sidecar.unix' => self::sidecar()->socket]);
        }
        Event::fake([
            UserCameOnline::class, UserWentAway::class, UserWentOffline::class, PresenceUpdated::class,
        ]);
    }

    /** @dataProvider transports */
    #[DataProvider('transports')]
    public function test_first_heartbeat_dispatches_came_online_and_writes_cache_record(bool $isUnix): void
    {
        $this->useTransport($isUnix);
        Presence::heartbeat($this->user(), ['ip' => '10.0.0.1']);

        $record = $this->cacheRecord();
        self::assertSame(['ip' => '10.0.0.1'], $record['meta']);
        self::assertTrue(Carbon::parse($record['last_seen_at'])->diffInSeconds() < 2);
        Event::assertDispatched(UserCameOnline::class, fn (UserCameOnline $event): bool => $event->userId === $this->id
            && array_keys($event->payload) === ['user_id', 'occurred_at', 'meta']
            && $event->payload['meta'] === ['ip' => '10.0.0.1']);
        $isHeartbeat = fn (PresenceUpdated $event): bool => $event->type === 'heartbeat';
        Event::assertDispatchedTimes(PresenceUpdated::class, 1);
        Event::assertDispatched(PresenceUpdated::class, $isHeartbeat);
    }

    public function test_second_heartbeat_dispatches_update_only(): void
    {
        $this->useTransport(false);
        Presence::heartbeat($this->user());
        Presence::heartbeat($this->user());

        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        $types = Event::dispatched(PresenceUpdated::class)->map(fn (array $call): string => $call[0]->type);
        self::assertSame(['heartbeat', 'online', 'heartbeat'], $types->all());
    }

    /** @dataProvider transports */
    #[DataProvider('transports')]
    public function test_status_returns_four_entries_with_carbon_in_app_time_zone(bool $isUnix): void
    {
        $this->useTransport($isUnix);
        date_default_timezone_set('Asia/Kolkata');
        Presence::online($this->user(), ['device' => 'phone']);
        $status = Presence::status($this->id);
        date_default_timezone_set('UTC');

        self::assertSame(['status', 'last_seen_at', 'seconds_ago', 'meta'], array_keys($status));
        self::assertSame('online', $status['status']);
        self::assertInstanceOf(Carbon::class, $status['last_seen_at']);
        self::assertSame('Asia/Kolkata', $status['last_seen_at']->tzName);
        self::assertLessThan(3, $status['seconds_ago']);
        self::assertSame(['device' => 'phone'], $status['meta']);
        self::assertStringEndsWith('.000000Z', $status['last_seen_at']->toJSON());
    }

    public function test_unknown_user_is_offline(): void
    {
        $offline = ['status' => 'offline', 'last_seen_at' => null, 'seconds_ago' => null, 'meta' => []];
        self::assertSame($offline, Presence::status('unknown'));
    }

    public function test_offline_removes_record_and_always_dispatches_event(): void
    {
        $this->useTransport(false);
        Presence::online($this->user());
        Presence::offline($this->user(), ['reason' => 'closed']);
        Presence::offline($this->user());

        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertNull($this->cacheRecord());
        Event::assertDispatchedTimes(UserWentOffline::class, 2);
    }

    /** @dataProvider transports */
    #[DataProvider('transports')]
    public function test_many_preserves_ids_and_order(bool $isUnix): void
    {
        $this->useTransport($isUnix);
        Presence::online($this->user(3));
        Presence::online($this->user('ab/c'));
        $many = Presence::many([9, 'ab/c', 3, '007']);

        self::assertSame([9, 'ab/c', 3, '007'], array_keys($many));
        self::assertSame(['offline', 'online', 'online', 'offline'], array_column($many, 'status'));
        self::assertSame([], Presence::many([]));
    }

    public function test_many_splits_more_than_1000_users_into_requests(): void
    {
        Presence::online($this->user(1500));
        $many = Presence::many(range(1, 1501));
        self::assertCount(1501, $many);
        self::assertSame('online', $many[1500]['status']);
    }

    public function test_user_goes_offline_when_last_session_ends(): void
    {
        $this->useTransport(false);
        Presence::heartbeat($this->user(), [], 'desk');
        Presence::heartbeat($this->user(), [], 'phone', false);
        Presence::offline($this->user(), [], 'desk');
        self::assertSame('away', Presence::status($this->id)['status']);
        Event::assertNotDispatched(UserWentOffline::class);

        Presence::offline($this->user(), [], 'phone');
        self::assertSame('offline', Presence::status($this->id)['status']);
        Event::assertDispatchedTimes(UserWentOffline::class, 1);
    }

    /** @return array<string, array{array<string, mixed>}> */
    public static function drivers(): array
    {
        return ['sidecar' => [[]], 'cache' => [['presence.sidecar.url' => null]]];
    }

    /** @dataProvider drivers */
    #[DataProvider('drivers')]
    public function test_idle_heartbeat_of_online_user_dispatches_went_away_once(array $config): void
    {
        $this->reconfigure($config);
        $this->useTransport(false);
        Presence::heartbeat($this->user(), [], 'desk', false);
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertNotDispatched(UserWentAway::class);
        Presence::heartbeat($this->user(), [], 'desk');
        Presence::heartbeat($this->user(), ['n' => 1], 'desk', active: false);
        Presence::heartbeat($this->user(), ['n' => 2], 'desk', active: false);
        Event::assertDispatchedTimes(UserWentAway::class, 1);
        Event::assertDispatched(UserWentAway::class, fn (UserWentAway $event): bool => $event->userId === $this->id
            && $event->payload['meta'] === ['n' => 1]);
        $types = Event::dispatched(PresenceUpdated::class)->map(fn (array $call): string => $call[0]->type)->all();
        self::assertSame(['heartbeat', 'online', 'heartbeat', 'heartbeat', 'heartbeat'], $types);
    }

    public function test_end_of_active_session_dispatches_went_away_if_idle_session_remains(): void
    {
        $this->useTransport(false);
        Presence::heartbeat($this->user(), [], 'desk');
        Presence::heartbeat($this->user(), [], 'phone', false);
        Presence::offline($this->user(), [], 'desk');
        Event::assertDispatchedTimes(UserWentAway::class, 1);
        Presence::offline($this->user(), [], 'unknown');
        Event::assertDispatchedTimes(UserWentAway::class, 1);
    }

    public function test_idle_heartbeat_dispatches_no_transition_if_webhooks_do(): void
    {
        $this->reconfigure(['presence.webhook.receiver.path' => 'hooks']);
        $this->useTransport(false);
        Presence::heartbeat($this->user());
        Presence::heartbeat($this->user(), active: false);
        Event::assertNotDispatched(UserCameOnline::class);
        Event::assertNotDispatched(UserWentAway::class);
    }

    public function test_stale_heartbeat_after_session_end_dispatches_nothing(): void
    {
        Presence::offline($this->user(), [], 'phone', 2000);
        $this->useTransport(false);
        Presence::heartbeat($this->user(), [], 'phone', true, 2000);
        self::assertSame('offline', Presence::status($this->id)['status']);
        Event::assertNothingDispatched();
        Presence::heartbeat($this->user(), [], 'phone', sentAt: 2001);
        self::assertSame('online', Presence::status($this->id)['status']);
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }

    public function test_facade_accepts_named_arguments(): void
    {
        Presence::heartbeat($this->user(), active: false);
        self::assertSame('away', Presence::status(userId: $this->id)['status']);
        Presence::offline($this->user(), session: 'other');
        self::assertSame('away', Presence::status($this->id)['status']);
    }

    public function test_roster_and_counts_cover_members_of_scope(): void
    {
        config(['presence.scope.resolver' => fn (): array => ['tenant' => "acme-{$this->id}"]]);
        Presence::online($this->user(1), ['a' => 1]);
        Presence::heartbeat($this->user(2), [], null, false);

        self::assertSame(['online' => 1, 'away' => 1, 'present' => 2], Presence::counts());
        self::assertSame(0, Presence::counts(['tenant' => 'other'])['present']);
        $roster = Presence::roster(null, 'online');
        self::assertSame([1], array_column($roster['data'], 'user_id'));
        self::assertInstanceOf(Carbon::class, $roster['data'][0]['last_online_at']);
        $page = Presence::roster(['tenant' => "acme-{$this->id}"], null, 1);
        $next = Presence::roster(['tenant' => "acme-{$this->id}"], null, 1, $page['next_cursor']);
        self::assertSame([2], array_column($next['data'], 'user_id'));
    }

    public function test_scope_resolver_may_be_invokable_class(): void
    {
        config(['presence.scope.resolver' => Support\InvokableTenantResolver::class]);
        Presence::online($this->user());
        self::assertSame("presence|_blue_tenant|guard:web|user:{$this->id}", Key::for($this->user()));
        self::assertNotNull($this->cacheRecord(null, '_blue_tenant|'));
        self::assertSame('online', Presence::status($this->id)['status']);
        self::assertSame('offline', Presence::status($this->id, [])['status']);
    }

    public function test_invalid_scope_resolver_throws(): void
    {
        config(['presence.scope.resolver' => 'App\\NoSuchResolver']);
        $this->expectException(LogicException::class);
        Presence::status(1);
    }

    public function test_meta_that_json_cannot_encode_is_sent_partially(): void
    {
        Presence::heartbeat($this->user(), ['broken' => "caf\xe9", 'number' => NAN, 'fine' => 1.0]);
        $partial = ['broken' => "caf\u{fffd}", 'number' => 0, 'fine' => 1.0];
        self::assertSame($partial, Presence::status($this->id)['meta']);
        self::assertSame('', $this->logContents());
    }

    public function test_user_token_with_watch_receives_changes_of_watched_users_only(): void
    {
        $token = Presence::token($this->user('watcher'), watch: [$this->id]);
        $received = '';
        $stream = curl_init(self::sidecar()->url . '/api/v1/presence/stream');
        curl_setopt($stream, CURLOPT_HTTPHEADER, ["Authorization: Bearer {$token}"]);
        curl_setopt($stream, CURLOPT_WRITEFUNCTION, function ($stream, string $part) use (&$received): int {
            $received .= $part;

            return strlen($part);
        });
        curl_multi_add_handle($multi = curl_multi_init(), $stream);
        $streamUntil = function (callable $condition) use ($multi): bool {
            return eventually(fn (): bool => curl_multi_exec($multi, $running) === CURLM_OK && $condition());
        };
        self::assertTrue($streamUntil(fn (): bool => curl_getinfo($stream, CURLINFO_RESPONSE_CODE) === 200));
        Presence::online($this->user("other-{$this->id}"));
        Presence::online($this->user());
        self::assertTrue($streamUntil(function () use (&$received): bool {
            return str_contains($received, '"user_id":');
        }));
        self::assertStringContainsString("\"user_id\":{$this->id},", $received);
        self::assertStringNotContainsString('other', $received);
    }

    public function test_user_token_is_accepted_by_sidecar_heartbeat_route(): void
    {
        $token = Presence::token($this->user(), 'tab-1');
        $request = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => ["Authorization: Bearer {$token}", 'Content-Type: application/json'],
            'content' => '{"active": false}',
        ]]);
        $response = file_get_contents(self::sidecar()->url . '/presence/heartbeat', false, $request);
        self::assertSame('{"ok":true}', $response);
        self::assertSame('away', Presence::status($this->id)['status']);
    }
}

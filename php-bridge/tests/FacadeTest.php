<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Event;
use LogicException;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The facade, by TCP and by unix socket. */
final class FacadeTest extends TestCase
{
    public function transports(): array
    {
        return ['TCP' => [false], 'unix socket' => [true]];
    }

    private function through(bool $isUnix): void
    {
        if ($isUnix) {
            $this->configured(['presence.sidecar.url' => null, 'presence.sidecar.unix' => self::sidecar()->socket]);
        }
        Event::fake([UserCameOnline::class, UserWentOffline::class, PresenceUpdated::class]);
    }

    /** @dataProvider transports */
    public function test_a_first_heartbeat_is_an_arrival_and_leaves_laravels_own_record(bool $isUnix): void
    {
        $this->through($isUnix);
        Presence::heartbeat($this->user(), ['ip' => '10.0.0.1']);

        $record = $this->record();
        self::assertSame(['ip' => '10.0.0.1'], $record['meta']);
        self::assertTrue(Carbon::parse($record['last_seen_at'])->diffInSeconds() < 2);
        Event::assertDispatched(UserCameOnline::class, fn (UserCameOnline $event): bool => $event->userId === $this->id
            && array_keys($event->payload) === ['user_id', 'occurred_at', 'meta']
            && $event->payload['meta'] === ['ip' => '10.0.0.1']);
        $isHeartbeat = fn (PresenceUpdated $event): bool => $event->type === 'heartbeat';
        Event::assertDispatchedTimes(PresenceUpdated::class, 1);
        Event::assertDispatched(PresenceUpdated::class, $isHeartbeat);
    }

    public function test_a_second_heartbeat_is_an_update_and_no_arrival(): void
    {
        $this->through(false);
        Presence::heartbeat($this->user());
        Presence::heartbeat($this->user());

        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        $types = Event::dispatched(PresenceUpdated::class)->map(fn (array $call): string => $call[0]->type);
        self::assertSame(['heartbeat', 'online', 'heartbeat'], $types->all());
    }

    /** @dataProvider transports */
    public function test_status_has_the_four_entries_with_a_carbon_in_the_apps_time_zone(bool $isUnix): void
    {
        $this->through($isUnix);
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

    public function test_who_was_never_seen_is_offline(): void
    {
        $unseen = ['status' => 'offline', 'last_seen_at' => null, 'seconds_ago' => null, 'meta' => []];
        self::assertSame($unseen, Presence::status('nobody'));
    }

    public function test_offline_ends_it_and_always_says_so(): void
    {
        $this->through(false);
        Presence::online($this->user());
        Presence::offline($this->user(), ['why' => 'bye']);
        Presence::offline($this->user());

        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertNull($this->record());
        Event::assertDispatchedTimes(UserWentOffline::class, 2);
    }

    /** @dataProvider transports */
    public function test_many_keeps_ids_and_their_order(bool $isUnix): void
    {
        $this->through($isUnix);
        Presence::online($this->user(3));
        Presence::online($this->user('ab/c'));
        $many = Presence::many([9, 'ab/c', 3, '007']);

        self::assertSame([9, 'ab/c', 3, '007'], array_keys($many));
        self::assertSame(['offline', 'online', 'online', 'offline'], array_column($many, 'status'));
        self::assertSame([], Presence::many([]));
    }

    public function test_many_asks_for_more_than_a_thousand_in_parts(): void
    {
        Presence::online($this->user(1500));
        $many = Presence::many(range(1, 1501));
        self::assertCount(1501, $many);
        self::assertSame('online', $many[1500]['status']);
    }

    public function test_sessions_are_told_apart_and_the_last_one_decides(): void
    {
        $this->through(false);
        Presence::heartbeat($this->user(), [], 'desk');
        Presence::heartbeat($this->user(), [], 'phone', false);
        Presence::offline($this->user(), [], 'desk');
        self::assertSame('away', Presence::status($this->id)['status']);
        Event::assertNotDispatched(UserWentOffline::class);

        Presence::offline($this->user(), [], 'phone');
        self::assertSame('offline', Presence::status($this->id)['status']);
        Event::assertDispatchedTimes(UserWentOffline::class, 1);
    }

    public function test_a_heartbeat_that_was_sent_before_the_end_of_its_session_is_not_told(): void
    {
        Presence::offline($this->user(), [], 'phone', 2000);
        $this->through(false);
        Presence::heartbeat($this->user(), [], 'phone', true, 2000);
        self::assertSame('offline', Presence::status($this->id)['status']);
        Event::assertNothingDispatched();
        Presence::heartbeat($this->user(), [], 'phone', sentAt: 2001);
        self::assertSame('online', Presence::status($this->id)['status']);
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }

    public function test_arguments_can_be_named(): void
    {
        Presence::heartbeat($this->user(), active: false);
        self::assertSame('away', Presence::status(userId: $this->id)['status']);
        Presence::offline($this->user(), session: 'another');
        self::assertSame('away', Presence::status($this->id)['status']);
    }

    public function test_rosters_and_counts_know_the_members_of_a_scope(): void
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

    public function test_the_scope_may_come_from_an_invokable_class(): void
    {
        config(['presence.scope.resolver' => Support\TenantOfTheDay::class]);
        Presence::online($this->user());
        self::assertSame("presence|_blue_tenant|guard:web|user:{$this->id}", Key::for($this->user()));
        self::assertNotNull($this->record(null, '_blue_tenant|'));
        self::assertSame('online', Presence::status($this->id)['status']);
        self::assertSame('offline', Presence::status($this->id, [])['status']);
    }

    public function test_a_scope_resolver_that_is_none_is_not_taken_for_no_scope(): void
    {
        config(['presence.scope.resolver' => 'App\\NoSuchResolver']);
        $this->expectException(LogicException::class);
        Presence::status(1);
    }

    public function test_a_meta_that_json_cannot_say_is_kept_as_far_as_it_can(): void
    {
        Presence::heartbeat($this->user(), ['broken' => "caf\xe9", 'number' => NAN, 'fine' => 1.0]);
        $kept = ['broken' => "caf\u{fffd}", 'number' => 0, 'fine' => 1.0];
        self::assertSame($kept, Presence::status($this->id)['meta']);
        self::assertSame('', $this->logged());
    }

    public function test_a_page_can_follow_whom_its_token_names(): void
    {
        $token = Presence::token($this->user('watcher'), watch: [$this->id]);
        $told = '';
        $stream = curl_init(self::sidecar()->url . '/api/v1/presence/stream');
        curl_setopt($stream, CURLOPT_HTTPHEADER, ["Authorization: Bearer {$token}"]);
        curl_setopt($stream, CURLOPT_WRITEFUNCTION, function ($stream, string $part) use (&$told): int {
            $told .= $part;

            return strlen($part);
        });
        curl_multi_add_handle($multi = curl_multi_init(), $stream);
        $hears = function (callable $what) use ($multi): bool {
            return eventually(fn (): bool => curl_multi_exec($multi, $running) === CURLM_OK && $what());
        };
        self::assertTrue($hears(fn (): bool => curl_getinfo($stream, CURLINFO_RESPONSE_CODE) === 200));
        Presence::online($this->user("other-{$this->id}"));
        Presence::online($this->user());
        self::assertTrue($hears(function () use (&$told): bool {
            return str_contains($told, '"user_id":');
        }));
        self::assertStringContainsString("\"user_id\":{$this->id},", $told);
        self::assertStringNotContainsString('other', $told);
    }

    public function test_a_page_can_talk_to_the_sidecar_with_a_user_token(): void
    {
        $token = Presence::token($this->user(), 'tab-1');
        $request = stream_context_create(['http' => [
            'method' => 'POST',
            'header' => ["Authorization: Bearer {$token}", 'Content-Type: application/json'],
            'content' => '{"active": false}',
        ]]);
        $answer = file_get_contents(self::sidecar()->url . '/presence/heartbeat', false, $request);
        self::assertSame('{"ok":true}', $answer);
        self::assertSame('away', Presence::status($this->id)['status']);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\PresenceManager;
use Illuminate\Support\Carbon;
use PHPUnit\Framework\AssertionFailedError;
use PHPUnit\Framework\Attributes\DataProvider;

/** The fake for the tests of apps. */
final class FakeTest extends TestCase
{
    protected array $config = [
        'presence.sidecar.url' => 'http://127.0.0.1:1',
        'presence.sidecar.on_failure' => 'throw',
    ];

    protected function tearDown(): void
    {
        Carbon::setTestNow();
        parent::tearDown();
    }

    public function test_fake_records_calls_and_returns_statuses(): void
    {
        Presence::fake([5 => 'away']);
        Presence::heartbeat($this->user(1), ['ip' => '::1']);
        Presence::online($this->user(2));
        Presence::offline($this->user(2));

        Presence::assertHeartbeat(1);
        $isLocal = fn (array $meta, bool $active): bool => $meta['ip'] === '::1' && $active;
        Presence::assertHeartbeat($this->user(1), $isLocal);
        Presence::assertOnline(1);
        Presence::assertOffline($this->user(2));
        Presence::assertAway(5);
        $statuses = array_column(Presence::many([1, 2, 5, 9]), 'status');
        self::assertSame(['online', 'offline', 'away', 'offline'], $statuses);
        self::assertSame(['ip' => '::1'], Presence::status(1)['meta']);
        self::assertSame(['online' => 1, 'away' => 1, 'present' => 2], Presence::counts());
        self::assertSame([5], array_column(Presence::roster(null, 'away')['data'], 'user_id'));
        self::assertSame('token-of-1', Presence::token($this->user(1)));
    }

    public function test_container_resolves_fake(): void
    {
        $fake = Presence::fake();
        $fake->assertNothingRecorded();
        $this->app->make(PresenceManager::class)->online($this->user(1));
        $this->app->make(PresenceRepository::class)->heartbeat($this->user(2));
        $fake->assertOnline(1);
        $fake->assertHeartbeat(2);
    }

    public function test_fake_follows_carbon_clock(): void
    {
        Presence::fake([5 => Carbon::now()->subSeconds(89), 6 => Carbon::now()->subSeconds(120), 7 => 'away']);
        Presence::heartbeat($this->user(1), ['n' => 1]);
        $statuses = fn (): array => array_column(Presence::many([1, 5, 6, 7]), 'status');
        self::assertSame(['online', 'online', 'offline', 'away'], $statuses());

        Carbon::setTestNow(Carbon::now()->addSeconds(89));
        self::assertSame(['online', 'offline', 'offline', 'away'], $statuses());
        self::assertSame(89, Presence::status(1)['seconds_ago']);
        Carbon::setTestNow(Carbon::now()->addSeconds(1));
        Presence::assertAway(1);
        self::assertSame(['online' => 0, 'away' => 2, 'present' => 2], Presence::counts());
        Carbon::setTestNow(Carbon::now()->addSeconds(30));
        Presence::assertOffline(1);
        self::assertSame([], Presence::roster()['data']);
        Presence::heartbeat($this->user(1));
        Presence::assertOnline(1);
    }

    public static function failingAssertions(): array
    {
        return [
            'no heartbeat' => [fn () => Presence::assertHeartbeat(2)],
            'no matching heartbeat' => [fn () => Presence::assertHeartbeat(1, fn (array $meta): bool => $meta !== [])],
            'not online' => [fn () => Presence::assertOnline(2)],
            'not away' => [fn () => Presence::assertAway(1)],
            'not offline' => [fn () => Presence::assertOffline(1)],
            'something recorded' => [fn () => Presence::assertNothingRecorded()],
        ];
    }

    /** @dataProvider failingAssertions */
    #[DataProvider('failingAssertions')]
    public function test_assertion_fails(callable $assertion): void
    {
        Presence::fake();
        Presence::heartbeat($this->user(1));
        $this->expectException(AssertionFailedError::class);
        $assertion();
    }
}

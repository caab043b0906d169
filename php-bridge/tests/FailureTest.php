<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Facades\Route;

/** The behaviour of the app while the sidecar is down, hangs or rejects a call. */
final class FailureTest extends TestCase
{
    /** Starts a sidecar for this test and configures the app to use it. */
    private function startSidecar(array $config = []): Sidecar
    {
        $sidecar = new Sidecar(self::redis());
        $this->reconfigure($config + ['presence.sidecar.url' => $sidecar->url]);

        return $sidecar;
    }

    private function countLoggedErrors(string $text): int
    {
        return substr_count($this->logContents(), "ERROR: {$text}");
    }

    public function test_page_succeeds_if_sidecar_stops_during_request(): void
    {
        $sidecar = $this->startSidecar();
        Route::get('/page', function () use ($sidecar): array {
            Presence::online($this->user(), ['seat' => '4a']);
            $sidecar->stop();
            Presence::heartbeat($this->user(), ['seat' => '4b']);

            return [
                'one' => Presence::status($this->id),
                'many' => Presence::many([$this->id, 'unknown']),
                'roster' => Presence::roster(),
                'counts' => Presence::counts(),
            ];
        });
        $page = $this->get('/page')->assertOk()->json();

        self::assertSame(['online', ['seat' => '4b']], [$page['one']['status'], $page['one']['meta']]);
        self::assertSame(['online', 'offline'], array_column($page['many'], 'status'));
        self::assertSame(['data' => [], 'next_cursor' => null], $page['roster']);
        self::assertSame(0, $page['counts']['present']);
        self::assertSame(1, $this->countLoggedErrors("The presence sidecar at {$sidecar->url} does not answer"));
        self::assertStringNotContainsString(Sidecar::TOKEN, $this->logContents());
    }

    public function test_restarted_sidecar_reads_records_written_during_outage(): void
    {
        $sidecar = $this->startSidecar();
        $sidecar->stop();
        Presence::heartbeat($this->user(), ['written' => 'by the cache']);
        $restarted = new Sidecar(self::redis(), [], $sidecar->port);
        $this->reconfigure(['presence.sidecar.url' => $restarted->url, 'presence.sidecar.fallback' => false]);

        self::assertSame(['written' => 'by the cache'], Presence::status($this->id)['meta']);
    }

    public function test_hanging_sidecar_costs_one_timeout_for_many_calls(): void
    {
        $sidecar = $this->startSidecar(['presence.sidecar.timeout' => 0.2]);
        Presence::online($this->user());
        $sidecar->signal(SIGSTOP);
        $startedAt = microtime(true);
        for ($call = 0; $call < 20; $call++) {
            self::assertSame('online', Presence::status($this->id)['status']);
        }
        self::assertLessThan(20 * 0.2, microtime(true) - $startedAt);
        self::assertSame(1, $this->countLoggedErrors('The presence sidecar'));
    }

    public function test_failure_is_thrown_if_on_failure_is_throw(): void
    {
        $this->reconfigure(['presence.sidecar.url' => 'http://127.0.0.1:1', 'presence.sidecar.on_failure' => 'throw']);
        $this->expectException(SidecarException::class);
        $this->expectExceptionMessage('The presence sidecar at http://127.0.0.1:1 does not answer');
        Presence::status(1);
    }

    public function test_failure_is_ignored_and_cache_unused_if_configured(): void
    {
        $this->reconfigure([
            'presence.sidecar.url' => 'http://127.0.0.1:1',
            'presence.sidecar.on_failure' => 'ignore',
            'presence.sidecar.fallback' => false,
        ]);
        Presence::heartbeat($this->user());
        self::assertNull($this->cacheRecord());
        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertSame('', $this->logContents());
    }

    public function test_wrong_token_is_reported_without_its_value(): void
    {
        $this->reconfigure(['presence.sidecar.token' => 'not-the-token']);
        Presence::heartbeat($this->user());
        self::assertNotNull($this->cacheRecord());
        self::assertSame(1, $this->countLoggedErrors('The presence sidecar'));
        self::assertStringContainsString('POST /api/v1/presence/heartbeat with 401', $this->logContents());
        self::assertStringNotContainsString('not-the-token', $this->logContents());
    }

    public function test_rejected_call_does_not_pause_later_calls(): void
    {
        Presence::heartbeat($this->user("a|b{$this->id}"));
        Presence::heartbeat($this->user());
        self::assertSame(1, Presence::counts()['online'] <=> 0);
        self::assertStringContainsString('with 422', $this->logContents());
    }

    public function test_users_are_offline_if_sidecar_and_cache_are_down(): void
    {
        $this->reconfigure(['presence.sidecar.url' => 'http://127.0.0.1:1', 'database.redis.cache.port' => 1]);
        self::assertSame('offline', Presence::status(1)['status']);
        Presence::heartbeat($this->user());
        self::assertNotSame('', $this->logContents());
    }

    public function test_presence_uses_cache_if_no_sidecar_is_configured(): void
    {
        $this->reconfigure(['presence.sidecar.url' => null]);
        Presence::heartbeat($this->user(), ['a' => 1]);
        self::assertSame('online', Presence::status($this->id)['status']);
        Presence::offline($this->user());
        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertSame('', $this->logContents());
    }
}

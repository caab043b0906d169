<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Facades\Route;

/** Sidecars that are down, hang, or refuse. */
final class FailureTest extends TestCase
{
    /** @return Sidecar one that only this test knows, with an app that uses it */
    private function ownSidecar(array $config = []): Sidecar
    {
        $sidecar = new Sidecar(self::redis());
        $this->configured($config + ['presence.sidecar.url' => $sidecar->url]);

        return $sidecar;
    }

    private function timesLogged(string $text): int
    {
        return substr_count($this->logged(), "ERROR: {$text}");
    }

    public function test_a_sidecar_that_stops_within_a_request_fails_no_page(): void
    {
        $sidecar = $this->ownSidecar();
        Route::get('/page', function () use ($sidecar): array {
            Presence::online($this->user(), ['seat' => '4a']);
            $sidecar->stop();
            Presence::heartbeat($this->user(), ['seat' => '4b']);

            return [
                'one' => Presence::status($this->id),
                'many' => Presence::many([$this->id, 'nobody']),
                'roster' => Presence::roster(),
                'counts' => Presence::counts(),
            ];
        });
        $page = $this->get('/page')->assertOk()->json();

        self::assertSame(['online', ['seat' => '4b']], [$page['one']['status'], $page['one']['meta']]);
        self::assertSame(['online', 'offline'], array_column($page['many'], 'status'));
        self::assertSame(['data' => [], 'next_cursor' => null], $page['roster']);
        self::assertSame(0, $page['counts']['present']);
        self::assertSame(1, $this->timesLogged("The presence sidecar at {$sidecar->url} does not answer"));
        self::assertStringNotContainsString(Sidecar::TOKEN, $this->logged());
    }

    public function test_the_sidecar_takes_over_again_what_the_cache_kept_meanwhile(): void
    {
        $sidecar = $this->ownSidecar();
        $sidecar->stop();
        Presence::heartbeat($this->user(), ['kept' => 'by the cache']);
        $again = new Sidecar(self::redis(), [], $sidecar->port);
        $this->configured(['presence.sidecar.url' => $again->url, 'presence.sidecar.fallback' => false]);

        self::assertSame(['kept' => 'by the cache'], Presence::status($this->id)['meta']);
    }

    public function test_a_sidecar_that_hangs_costs_one_timeout_and_not_one_for_each_call(): void
    {
        $sidecar = $this->ownSidecar(['presence.sidecar.timeout' => 0.2]);
        Presence::online($this->user());
        $sidecar->signal(SIGSTOP);
        $begun = microtime(true);
        for ($call = 0; $call < 20; $call++) {
            self::assertSame('online', Presence::status($this->id)['status']);
        }
        self::assertLessThan(20 * 0.2, microtime(true) - $begun);
        self::assertSame(1, $this->timesLogged('The presence sidecar'));
    }

    public function test_failures_can_be_thrown(): void
    {
        $this->configured(['presence.sidecar.url' => 'http://127.0.0.1:1', 'presence.sidecar.on_failure' => 'throw']);
        $this->expectException(SidecarException::class);
        $this->expectExceptionMessage('The presence sidecar at http://127.0.0.1:1 does not answer');
        Presence::status(1);
    }

    public function test_failures_can_be_ignored_and_the_cache_left_alone(): void
    {
        $this->configured([
            'presence.sidecar.url' => 'http://127.0.0.1:1',
            'presence.sidecar.on_failure' => 'ignore',
            'presence.sidecar.fallback' => false,
        ]);
        Presence::heartbeat($this->user());
        self::assertNull($this->record());
        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertSame('', $this->logged());
    }

    public function test_a_wrong_token_is_named_and_not_shown(): void
    {
        $this->configured(['presence.sidecar.token' => 'not-the-token']);
        Presence::heartbeat($this->user());
        self::assertNotNull($this->record());
        self::assertSame(1, $this->timesLogged('The presence sidecar'));
        self::assertStringContainsString('POST /api/v1/presence/heartbeat with 401', $this->logged());
        self::assertStringNotContainsString('not-the-token', $this->logged());
    }

    public function test_a_call_that_is_refused_does_not_silence_those_that_follow(): void
    {
        Presence::heartbeat($this->user("a|b{$this->id}"));
        Presence::heartbeat($this->user());
        self::assertSame(1, Presence::counts()['online'] <=> 0);
        self::assertStringContainsString('with 422', $this->logged());
    }

    public function test_without_sidecar_and_cache_everybody_is_offline(): void
    {
        $this->configured(['presence.sidecar.url' => 'http://127.0.0.1:1', 'database.redis.cache.port' => 1]);
        self::assertSame('offline', Presence::status(1)['status']);
        Presence::heartbeat($this->user());
        self::assertNotSame('', $this->logged());
    }

    public function test_without_any_sidecar_the_cache_alone_keeps_presence(): void
    {
        $this->configured(['presence.sidecar.url' => null]);
        Presence::heartbeat($this->user(), ['a' => 1]);
        self::assertSame('online', Presence::status($this->id)['status']);
        Presence::offline($this->user());
        self::assertSame('offline', Presence::status($this->id)['status']);
        self::assertSame('', $this->logged());
    }
}

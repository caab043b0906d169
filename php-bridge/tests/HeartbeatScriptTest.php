<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Sidecar;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The heartbeat script in a real browser. */
final class HeartbeatScriptTest extends BrowserTestCase
{
    /** @return list<string> the statuses of the user's changes, in order */
    private function statusChanges(): array
    {
        $changes = $this->app->make(Client::class)->get('/api/v1/presence/changes', ['limit' => 1000])['data'];
        $isOfUser = fn (array $change): bool => $change['user_id'] === $this->id;

        return array_column(array_filter($changes, $isOfUser), 'status');
    }

    /** @return list<float> times of the current tab's heartbeats, in milliseconds */
    private function heartbeatTimes(Browser $browser): array
    {
        return $browser->evaluate(
            'return performance.getEntriesByType("resource").filter(entry => entry.name.endsWith("/heartbeat"))
                .map(entry => performance.timeOrigin + entry.startTime);'
        );
    }

    public function test_tab_is_online_away_while_hidden_and_offline_when_closed(): void
    {
        [$app, $browser] = [$this->startApp(), new Browser()];
        $spare = $browser->tab();
        $browser->newTab();
        $this->logIn($browser, $app);
        $hasPageMeta = fn (): bool => str_contains(Presence::status($this->id)['meta']['ua'] ?? '', 'Chrome');
        self::assertTrue(eventually($hasPageMeta));
        $this->assertStatusBecomes('online');

        $browser->minimize();
        $this->assertStatusBecomes('away');
        $browser->restore();
        $this->assertStatusBecomes('online');
        self::assertSame([], $browser->consoleErrors());

        $browser->closeTab();
        $this->assertStatusBecomes('offline');
        $browser->switchTo($spare);
        self::assertSame(['online', 'away', 'online', 'offline'], $this->statusChanges());
    }

    public function test_navigation_within_app_does_not_end_session(): void
    {
        [$app, $browser] = [$this->startApp(), new Browser()];
        $this->logIn($browser, $app);
        $heartbeats = fn (): int => $app->requestCount('POST', '/presence/heartbeat');
        foreach (['location.reload()', 'location.href = "/login"', 'history.back()'] as $navigation) {
            $before = $heartbeats();
            $browser->evaluate($navigation);
            self::assertTrue(eventually(fn (): bool => $heartbeats() > $before), "No heartbeat after {$navigation}");
        }
        self::assertNotContains('offline', $this->statusChanges());
    }

    public function test_page_stops_heartbeats_after_pagehide_and_older_heartbeats_are_stale(): void
    {
        [$app, $browser] = [$this->startApp(), new Browser()];
        $this->logIn($browser, $app);
        $this->assertStatusBecomes('online');
        $browser->evaluate('dispatchEvent(new Event("pagehide"));');
        $this->assertStatusBecomes('offline');
        $browser->evaluate(
            'const token = document.querySelector("meta[name=csrf-token]").content;
            const headers = {"X-CSRF-TOKEN": token, "Content-Type": "application/json"};
            const body = JSON.stringify({sent_at: Date.now() - 60000});
            return fetch("/presence/heartbeat", {method: "POST", headers, body}).then(() => true);'
        );
        $heartbeats = fn (): int => $app->requestCount('POST', '/presence/heartbeat');
        $before = $heartbeats();
        self::assertFalse(eventually(fn (): bool => $heartbeats() > $before, 2.5), 'The page still sends heartbeats.');
        self::assertSame('offline', Presence::status($this->id)['status']);
        $browser->evaluate('dispatchEvent(new Event("pageshow"));');
        $this->assertStatusBecomes('online');
    }

    public function test_one_of_two_tabs_sends_heartbeats_and_user_is_active_while_one_is_visible(): void
    {
        [$app, $browser] = [$this->startApp(), new Browser()];
        $this->logIn($browser, $app);
        $first = $browser->tab();
        $second = $browser->newTab();
        $browser->open("{$app->url}/");

        $enough = $app->requestCount('POST', '/presence/heartbeat') + 8;
        self::assertTrue(eventually(fn (): bool => $app->requestCount('POST', '/presence/heartbeat') >= $enough));
        $heartbeats = $this->heartbeatTimes($browser);
        $browser->switchTo($first);
        $heartbeats = [...$heartbeats, ...$this->heartbeatTimes($browser)];
        sort($heartbeats);
        $interval = fn (float $from, float $to): float => $to - $from;
        $intervals = array_map($interval, array_slice($heartbeats, 0, -1), array_slice($heartbeats, 1));
        $short = array_filter($intervals, fn (float $interval): bool => $interval < 900);
        $message = 'Both tabs send heartbeats: ' . json_encode($intervals);
        self::assertLessThan(count($intervals) / 3, count($short), $message);

        self::assertSame('online', Presence::status($this->id)['status']);
        $browser->closeTab();
        $browser->switchTo($second);
        $browser->minimize();
        $this->assertStatusBecomes('away');
        self::assertNotContains('offline', $this->statusChanges());
    }

    public function test_page_sends_heartbeats_to_sidecar_and_renews_token(): void
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE__SERVER__ALLOWED_ORIGINS' => '*']);
        $this->reconfigure(['presence.sidecar.url' => $sidecar->url]);
        $environment = ['PRESENCE_SIDECAR_PUBLIC_URL' => $sidecar->url, 'PRESENCE_SIDECAR_USER_TOKEN_TTL' => '61'];
        [$app, $browser] = [$this->startApp($environment, $sidecar), new Browser()];
        $browser->newTab();
        $this->logIn($browser, $app);
        $hasPageMeta = fn (): bool => str_contains(Presence::status($this->id)['meta']['ua'] ?? '', 'Chrome');
        self::assertTrue(eventually($hasPageMeta));
        self::assertTrue(eventually(fn (): bool => $app->requestCount('GET', '/presence/token') >= 2));
        $browser->minimize();
        $this->assertStatusBecomes('away');
        self::assertSame([], $browser->consoleErrors());
        $browser->closeTab();
        $this->assertStatusBecomes('offline');
        self::assertSame(0, $app->requestCount('POST', '/presence/heartbeat'));
    }

    public function test_page_stops_heartbeats_after_logout(): void
    {
        [$app, $browser] = [$this->startApp(), new Browser()];
        $this->logIn($browser, $app);
        // The logout runs alone: Laravel restores a session that another request saves after its end.
        $browser->evaluate(
            'const original = fetch, count = change => { open += change; return true };
            let open = 0, done = 0, gate = Promise.resolve();
            window.fetch = (...call) => gate.then(() => count(1) && original(...call))
                .finally(() => count(-1) && done++);
            window.logOut = () => {
                if (open || done < 2) return false;
                const token = document.querySelector("meta[name=csrf-token]").content;
                gate = original("/logout", {method: "POST", headers: {"X-CSRF-TOKEN": token}});
                return gate.then(() => true);
            };'
        );
        self::assertTrue(eventually(fn (): bool => $browser->evaluate('return logOut()')), 'The logout failed.');
        $heartbeats = fn (): int => $app->requestCount('POST', '/presence/heartbeat');
        $before = $heartbeats();
        $isQuiet = function () use ($heartbeats): bool {
            $now = $heartbeats();

            return ! eventually(fn (): bool => $heartbeats() > $now, 2.5);
        };
        self::assertTrue(eventually($isQuiet), 'The page still sends heartbeats.');
        self::assertLessThanOrEqual($before + 1, $heartbeats());
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_page_retries_after_token_route_responded_with_503(): void
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE__SERVER__ALLOWED_ORIGINS' => '*']);
        $environment = ['PRESENCE_SIDECAR_PUBLIC_URL' => $sidecar->url, 'PRESENCE_SIDECAR_USER_TOKEN_TTL' => '61'];
        [$app, $browser] = [$this->startApp($environment, $sidecar), new Browser()];
        $this->logIn($browser, $app);
        $browser->evaluate(
            'const original = window.fetch;
            window.refused = 0;
            const isDown = url => String(url).includes("/presence/token") && window.refused < 2 && ++window.refused;
            const down = () => Promise.resolve(new Response("{\"message\": \"Service Unavailable\"}", {status: 503}));
            window.fetch = (url, options) => isDown(url) ? down() : original(url, options);'
        );
        self::assertTrue(eventually(fn (): bool => $browser->evaluate('return window.refused') === 2));
        $heartbeats = count($this->heartbeatTimes($browser));
        $hasRecovered = fn (): bool => count($this->heartbeatTimes($browser)) > $heartbeats + 1;
        self::assertTrue(eventually($hasRecovered), 'The page sends no heartbeats after a 503.');
    }

    public function test_tabs_of_two_users_both_send_heartbeats(): void
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE__SERVER__ALLOWED_ORIGINS' => '*']);
        [$app, $browser] = [$this->startApp(['PRESENCE_SIDECAR_PUBLIC_URL' => $sidecar->url], $sidecar), new Browser()];
        $this->logIn($browser, $app);
        $tabs = [$browser->tab(), $browser->newTab()];
        $this->logIn($browser, $app, $this->id + 100_000);
        foreach ($tabs as $tab) {
            $browser->switchTo($tab);
            $enough = count($this->heartbeatTimes($browser)) + 4;
            $isBeating = fn (): bool => count($this->heartbeatTimes($browser)) >= $enough;
            self::assertTrue(eventually($isBeating), 'A tab sends no heartbeats for its own user.');
        }
    }

    public function test_page_restored_from_back_forward_cache_is_online_at_once(): void
    {
        [$app, $browser] = [$this->startApp(['DEMO_HEARTBEAT_SECONDS' => '30']), new Browser()];
        $this->logIn($browser, $app);
        // The middleware makes the user online before the script runs; only a page whose script runs says that it ends.
        $heartbeats = fn (): int => $app->requestCount('POST', '/presence/heartbeat');
        self::assertTrue(eventually(fn (): bool => $heartbeats() > 0), 'The page sends no heartbeat.');
        $this->assertStatusBecomes('online');
        // The page tells the app: the driver may still be attached to the page that was left.
        $isBack = fn (): bool => $app->requestCount('POST', '/restored') > 0;
        // A busy browser may load the page anew instead.
        for ($attempt = 1; $attempt <= 3 && ! $isBack(); $attempt++) {
            $browser->evaluate(
                'addEventListener("pageshow", event => event.persisted && navigator.sendBeacon("/restored"));'
            );
            $browser->open(str_replace('127.0.0.1', 'localhost', $app->url) . '/alpine.js');
            $this->assertStatusBecomes('offline');
            $browser->evaluate('history.back()');
            eventually($isBack);
        }
        self::assertTrue($isBack(), 'The browser did not restore the page from its cache.');
        $this->assertStatusBecomes('online');
    }
}

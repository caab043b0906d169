<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Sidecar;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The heartbeat script in a real browser, with tabs that are hidden and closed. */
final class HeartbeatScriptTest extends BrowserTestCase
{
    /** @return list<string> what happened to the user, in order */
    private function events(): array
    {
        $changes = $this->app->make(Client::class)->get('/api/v1/presence/changes', ['limit' => 1000])['data'];

        $isTheirs = fn (array $change): bool => $change['user_id'] === $this->id;

        return array_column(array_filter($changes, $isTheirs), 'status');
    }

    /** @return list<float> when the current tab has beaten, in milliseconds */
    private function beats(Browser $browser): array
    {
        return $browser->evaluate(
            'return performance.getEntriesByType("resource").filter(entry => entry.name.endsWith("/heartbeat"))
                .map(entry => performance.timeOrigin + entry.startTime);'
        );
    }

    public function test_a_tab_beats_is_away_while_hidden_and_ends_when_it_is_closed(): void
    {
        [$app, $browser] = [$this->serve(), new Browser()];
        $spare = $browser->tab();
        $browser->newTab();
        $this->logIn($browser, $app);
        $isFromThePage = fn (): bool => str_contains(Presence::status($this->id)['meta']['ua'] ?? '', 'Chrome');
        self::assertTrue(eventually($isFromThePage));
        $this->assertBecomes('online');

        $browser->hide();
        $this->assertBecomes('away');
        $browser->show();
        $this->assertBecomes('online');
        self::assertSame([], $browser->complaints());

        $browser->closeTab();
        $this->assertBecomes('offline');
        $browser->goTo($spare);
        self::assertSame(['online', 'away', 'online', 'offline'], $this->events());
    }

    public function test_a_way_within_the_app_is_no_end(): void
    {
        [$app, $browser] = [$this->serve(), new Browser()];
        $this->logIn($browser, $app);
        $beats = fn (): int => $app->visits('POST', '/presence/heartbeat');
        foreach (['location.reload()', 'location.href = "/login"', 'history.back()'] as $way) {
            $before = $beats();
            $browser->evaluate($way);
            self::assertTrue(eventually(fn (): bool => $beats() > $before), "No heartbeat after {$way}");
        }
        self::assertNotContains('offline', $this->events());
    }

    public function test_a_page_that_is_left_beats_no_more_and_what_it_sent_before_is_late(): void
    {
        [$app, $browser] = [$this->serve(), new Browser()];
        $this->logIn($browser, $app);
        $this->assertBecomes('online');
        $browser->evaluate('dispatchEvent(new Event("pagehide"));');
        $this->assertBecomes('offline');
        $browser->evaluate(
            'const token = document.querySelector("meta[name=csrf-token]").content;
            const headers = {"X-CSRF-TOKEN": token, "Content-Type": "application/json"};
            const body = JSON.stringify({sent_at: Date.now() - 60000});
            return fetch("/presence/heartbeat", {method: "POST", headers, body}).then(() => true);'
        );
        $beats = fn (): int => $app->visits('POST', '/presence/heartbeat');
        $before = $beats();
        self::assertFalse(eventually(fn (): bool => $beats() > $before, 2.5), 'It goes on.');
        self::assertSame('offline', Presence::status($this->id)['status']);
        $browser->evaluate('dispatchEvent(new Event("pageshow"));');
        $this->assertBecomes('online');
    }

    public function test_of_two_tabs_one_beats_for_both_and_the_user_is_active_while_one_is_visible(): void
    {
        [$app, $browser] = [$this->serve(), new Browser()];
        $this->logIn($browser, $app);
        $first = $browser->tab();
        $second = $browser->newTab();
        $browser->open("{$app->url}/");

        $enough = $app->visits('POST', '/presence/heartbeat') + 8;
        self::assertTrue(eventually(fn (): bool => $app->visits('POST', '/presence/heartbeat') >= $enough));
        $beats = $this->beats($browser);
        $browser->goTo($first);
        $beats = [...$beats, ...$this->beats($browser)];
        sort($beats);
        $pause = fn (float $from, float $to): float => $to - $from;
        $pauses = array_map($pause, array_slice($beats, 0, -1), array_slice($beats, 1));
        $short = array_filter($pauses, fn (float $pause): bool => $pause < 900);
        self::assertLessThan(count($pauses) / 3, count($short), 'Both tabs beat: ' . json_encode($pauses));

        self::assertSame('online', Presence::status($this->id)['status']);
        $browser->closeTab();
        $browser->goTo($second);
        $browser->hide();
        $this->assertBecomes('away');
        self::assertNotContains('offline', $this->events());
    }

    public function test_a_page_can_beat_at_the_sidecar_with_tokens_that_renew_themselves(): void
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE__SERVER__ALLOWED_ORIGINS' => '*']);
        $this->configured(['presence.sidecar.url' => $sidecar->url]);
        $environment = ['PRESENCE_SIDECAR_PUBLIC_URL' => $sidecar->url, 'PRESENCE_SIDECAR_USER_TOKEN_TTL' => '61'];
        [$app, $browser] = [$this->serve($environment, $sidecar), new Browser()];
        $browser->newTab();
        $this->logIn($browser, $app);
        $isFromThePage = fn (): bool => str_contains(Presence::status($this->id)['meta']['ua'] ?? '', 'Chrome');
        self::assertTrue(eventually($isFromThePage));
        self::assertTrue(eventually(fn (): bool => $app->visits('GET', '/presence/token') >= 2));
        $browser->hide();
        $this->assertBecomes('away');
        self::assertSame([], $browser->complaints());
        $browser->closeTab();
        $this->assertBecomes('offline');
        self::assertSame(0, $app->visits('POST', '/presence/heartbeat'));
    }

    public function test_a_page_of_a_session_that_is_over_stops(): void
    {
        [$app, $browser] = [$this->serve(), new Browser()];
        $this->logIn($browser, $app);
        $browser->evaluate(
            'const token = document.querySelector("meta[name=csrf-token]").content;
            return fetch("/logout", {method: "POST", headers: {"X-CSRF-TOKEN": token}}).then(() => true);'
        );
        $beats = fn (): int => $app->visits('POST', '/presence/heartbeat');
        $before = $beats();
        $isQuiet = function () use ($beats): bool {
            $now = $beats();

            return ! eventually(fn (): bool => $beats() > $now, 2.5);
        };
        self::assertTrue(eventually($isQuiet), 'It goes on.');
        self::assertLessThanOrEqual($before + 1, $beats());
        self::assertSame('offline', Presence::status($this->id)['status']);
    }
}

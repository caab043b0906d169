<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Sidecar;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The examples for Blade and Livewire in a real browser. Those for Inertia are tested with the module itself. */
final class ExamplesTest extends BrowserTestCase
{
    /** What Livewire does after a request: it keeps the elements with a key, and sets the attributes of the new ones. */
    private const MORPH = <<<'JS'
        return fetch(location.pathname + '?order=down').then(reply => reply.text()).then(text => {
            const fresh = new DOMParser().parseFromString(text, 'text/html');
            const list = document.querySelector('main ul');
            for (const next of fresh.querySelectorAll('main li')) {
                const key = next.getAttribute('wire:key');
                const kept = [...list.children].find(item => item.getAttribute('wire:key') === key);
                const [badge, newest] = [kept, next].map(item => item.querySelector('presence-badge'));
                for (const {name, value} of newest.attributes) badge.setAttribute(name, value);
                list.append(kept);
            }
            return true;
        });
        JS;

    private function openExample(string $name): Browser
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE__SERVER__ALLOWED_ORIGINS' => '*']);
        $this->reconfigure(['presence.sidecar.url' => $sidecar->url]);
        [$app, $browser] = [$this->startApp(['PRESENCE_SIDECAR_PUBLIC_URL' => $sidecar->url], $sidecar), new Browser()];
        $this->logIn($browser, $app);
        $browser->open("{$app->url}/examples/{$name}");

        return $browser;
    }

    private function assertBadgesBecome(Browser $browser, string $own, string $grace): void
    {
        $shown = fn (): array => $browser->evaluate(
            "return [{$this->id}, 2].map(
                id => document.querySelector(`presence-badge[user='\${id}']`)?.shadowRoot?.textContent
            );"
        );
        $isShown = eventually(fn (): bool => $shown() === [$own, $grace]);
        self::assertTrue($isShown, (string) json_encode([$shown(), $browser->consoleErrors()]));
    }

    public function test_badges_of_blade_turn_and_open_page_keeps_its_user_online(): void
    {
        Presence::offline($this->user(2));
        $browser = $this->openExample('blade');
        $this->assertBadgesBecome($browser, 'Online', 'Offline');
        foreach (['Online' => true, 'Away' => false] as $status => $isActive) {
            Presence::heartbeat($this->user(2), [], null, $isActive);
            $this->assertBadgesBecome($browser, 'Online', $status);
        }
        Presence::offline($this->user(2));
        $this->assertBadgesBecome($browser, 'Online', 'Offline');
        self::assertSame([], $browser->consoleErrors());
    }

    public function test_badges_of_livewire_turn_after_the_list_was_sorted(): void
    {
        Presence::offline($this->user(2));
        $browser = $this->openExample('livewire');
        $this->assertBadgesBecome($browser, 'Online', 'Offline');
        self::assertTrue($browser->evaluate(self::MORPH));
        $order = 'return [...document.querySelectorAll("presence-badge")].map(badge => badge.getAttribute("user"));';
        self::assertSame([(string) $this->id, '2', '1'], $browser->evaluate($order));
        Presence::heartbeat($this->user(2), []);
        $this->assertBadgesBecome($browser, 'Online', 'Online');
        Presence::offline($this->user(2));
        $this->assertBadgesBecome($browser, 'Online', 'Offline');
        self::assertSame([], $browser->consoleErrors());
    }
}

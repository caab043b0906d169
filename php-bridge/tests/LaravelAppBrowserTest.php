<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\LaravelApp;
use AesirCloud\Presence\Tests\Support\RedisServer;
use PHPUnit\Framework\TestCase as PlainTestCase;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The live badge of a new Laravel app in two browsers. */
final class LaravelAppBrowserTest extends PlainTestCase
{
    private const ALPINE = __DIR__ . '/../demo/node_modules/alpinejs/dist/cdn.min.js';

    protected function setUp(): void
    {
        if (! LaravelApp::isSupported() || ! Browser::isInstalled() || ! is_file(self::ALPINE)) {
            self::markTestSkipped('The test needs Laravel 11 or newer, chromedriver and demo/node_modules.');
        }
    }

    public function test_live_badge_of_new_app_turns(): void
    {
        $server = new RedisServer();
        $redis = ['REDIS_PORT' => (string) $server->port];
        $app = (new LaravelApp(['BROADCAST_CONNECTION' => 'redis', 'CACHE_STORE' => 'redis'] + $redis))->install();
        $ada = $this->logIn($app, 'ada');
        $this->assertBadgeBecomes('Online', $ada, 1);
        $this->assertBadgeBecomes('Offline', $ada, 2);
        $grace = $this->logIn($app, 'grace');
        $this->assertBadgeBecomes('Online', $ada, 2);
        $grace->minimize();
        $this->assertBadgeBecomes('Away', $ada, 2);
        $grace->restore();
        $this->assertBadgeBecomes('Online', $ada, 2);
        $grace->closeTab();
        $this->assertBadgeBecomes('Offline', $ada, 2);
        self::assertSame([], $ada->consoleErrors());
        self::assertStringNotContainsString('ERROR', $app->log());
    }

    private function logIn(LaravelApp $app, string $name): Browser
    {
        $browser = new Browser();
        $browser->newTab();
        $browser->open("{$app->url}/login");
        $browser->evaluate(
            "const form = document.querySelector('form'); form.email.value = '{$name}@example.com';
            form.password.value = 'secret'; form.submit();"
        );
        $state = 'return location.pathname === "/" && document.readyState';
        self::assertTrue(eventually(fn (): bool => $browser->evaluate($state) === 'complete'), 'Login failed.');

        return $browser;
    }

    private function assertBadgeBecomes(string $label, Browser $browser, int $user): void
    {
        $text = fn (): string => trim($browser->evaluate("return document.getElementById('live-{$user}').innerText"));
        $hasLabel = eventually(fn (): bool => $text() === $label);
        self::assertTrue($hasLabel, "The badge of user {$user} shows {$text()} instead of {$label}");
    }
}

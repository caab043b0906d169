<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\PusherBroadcaster;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Support\Facades\View;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The live badge with laravel-echo and pusher-js in Chromium, and a broadcast server that behaves as Reverb. */
final class EchoTest extends WebhookTestCase
{
    private const MODULES = __DIR__ . '/../demo/node_modules';

    private const PAGE = <<<'BLADE'
        <!doctype html>
        <script src="/pusher-js/dist/web/pusher.min.js"></script>
        <script src="/laravel-echo/dist/echo.iife.js"></script>
        <script>
            window.errors = [];
            window.global = [];
            window.Echo = new (Echo.default ?? Echo)({
                broadcaster: 'reverb', key: 'key', wsHost: '127.0.0.1', wsPort: {{ $port }},
                forceTLS: false, enabledTransports: ['ws'], disableStats: true,
            });
            Echo.connector.pusher.connection.bind('error', error => errors.push(error.data?.code));
            Echo.channel('presence.global').listen('.presence.updated', e => global.push(e));
            Echo.channel('status.global').subscribed(() => window.isSubscribed = true);
        </script>
        <div id="badge"><x-presence-badge-live :user-id="$id" /></div>
        BLADE;

    private int $port = 0;

    protected function setUp(): void
    {
        if (! Browser::isInstalled() || ! is_dir(self::MODULES . '/laravel-echo')) {
            self::markTestSkipped('The test needs chromedriver, and laravel-echo in demo/node_modules.');
        }
        parent::setUp();
        $this->port = Process::freePort();
        $command = [PHP_BINARY, __DIR__ . '/Support/pusher_server.php', (string) $this->port];
        $server = new Process($command, Process::folder());
        $server->await(fn (): bool => Process::isListening($this->port));
        $this->reconfigure($this->config + [
            'presence.webhook.receiver.broadcast' => true,
            'broadcasting.connections.reverb.driver' => 'reverb-of-test',
        ]);
        $broadcaster = new PusherBroadcaster("http://127.0.0.1:{$this->port}");
        $this->app->make(BroadcastManager::class)->extend('reverb-of-test', fn () => $broadcaster);
        config(['broadcasting.default' => 'reverb']);
    }

    /** Serves the page with the scripts of the installed npm packages, and opens it. */
    private function openPage(int|string $id): Browser
    {
        $folder = Process::folder();
        foreach (['laravel-echo', 'pusher-js'] as $package) {
            symlink((string) realpath(self::MODULES . "/{$package}"), "{$folder}/{$package}");
        }
        symlink((string) realpath(__DIR__ . '/../public/presence.js'), "{$folder}/presence.js");
        file_put_contents($view = "{$folder}/page.blade.php", self::PAGE);
        $page = View::file($view, ['id' => $id, 'port' => $this->port])->render();
        $page = preg_replace('~/presence/script\?v=\w+~', '/presence.js', $page, -1, $count);
        self::assertSame(1, $count, 'The badge has no module.');
        file_put_contents("{$folder}/index.html", $page);
        $port = Process::freePort();
        $server = new Process([PHP_BINARY, '-S', "127.0.0.1:{$port}", '-t', $folder], Process::folder());
        $server->await(fn (): bool => Process::isListening($port));
        $browser = new Browser();
        $browser->open("http://127.0.0.1:{$port}/index.html");
        $isSubscribed = fn (): bool => $browser->evaluate('return window.isSubscribed === true');
        self::assertTrue(eventually($isSubscribed), (string) json_encode($browser->consoleErrors()));

        return $browser;
    }

    public function test_live_badge_turns_on_reverb_where_global_channel_of_old_package_is_guarded(): void
    {
        $browser = $this->openPage($this->id);
        $label = fn (): string => trim($browser->evaluate('return document.getElementById("badge").innerText'));
        self::assertTrue(eventually(fn (): bool => $label() === 'Offline'));
        foreach (['online', 'away', 'offline'] as $seq => $event) {
            $this->receive($this->body($event, $seq + 1))->assertNoContent();
            $isShown = eventually(fn (): bool => $label() === ucfirst($event));
            self::assertTrue($isShown, "The badge shows {$label()} instead of {$event}");
        }
        self::assertContains(4009, $browser->evaluate('return window.errors'));
        self::assertSame([], $browser->evaluate('return window.global'));
        self::assertSame('', $this->logContents());
    }
}

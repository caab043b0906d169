<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;
use PHPUnit\Framework\Attributes\DataProvider;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The demo in two browsers with live badges. */
final class DemoTest extends BrowserTestCase
{
    private const ADA = 1;

    private const GRACE = 2;

    protected function setUp(): void
    {
        if (! is_file(__DIR__ . '/../demo/node_modules/alpinejs/dist/cdn.min.js')) {
            self::markTestSkipped('Alpine is not installed in demo/node_modules.');
        }
        parent::setUp();
    }

    public static function webhookReceivers(): array
    {
        $packageReceiver = ['PRESENCE_SIDECAR_WEBHOOK_PATH' => 'hooks/sidecar', 'PRESENCE_SIDECAR_BROADCAST' => 'true'];

        return [
            'receiver of the package' => ['hooks/sidecar', $packageReceiver],
            'receiver of an app for the old package' => ['hooks/presence', []],
        ];
    }

    /** @dataProvider webhookReceivers */
    #[DataProvider('webhookReceivers')]
    public function test_live_badge_shows_status_changes_of_other_user(string $path, array $receiver): void
    {
        $port = Process::freePort();
        $webhook = [
            'PRESENCE_DRIVER' => 'webhook',
            'PRESENCE_WEBHOOK_URL' => "http://127.0.0.1:{$port}/{$path}",
            'PRESENCE_WEBHOOK_SECRET' => self::WEBHOOK_SECRET,
        ];
        $sidecar = new Sidecar(self::redis(), $webhook);
        $app = $this->startApp($webhook + $receiver, $sidecar, $port);

        $ada = new Browser();
        $this->logIn($ada, $app, self::ADA);
        $this->assertBadgeBecomes('Online', $ada, self::ADA);
        $this->assertBadgeBecomes('Offline', $ada, self::GRACE);
        $this->takeScreenshot($ada, 'ada-online-grace-offline');

        $grace = new Browser();
        $grace->newTab();
        $this->logIn($grace, $app, self::GRACE);
        $this->assertBadgeBecomes('Online', $ada, self::GRACE);
        $this->takeScreenshot($ada, 'grace-online');
        $this->takeScreenshot($grace, 'page-of-grace');

        $grace->minimize();
        $this->assertBadgeBecomes('Away', $ada, self::GRACE);
        $this->takeScreenshot($ada, 'grace-away');
        $grace->restore();
        $this->assertBadgeBecomes('Online', $ada, self::GRACE);

        $grace->closeTab();
        $this->assertBadgeBecomes('Offline', $ada, self::GRACE);
        $this->takeScreenshot($ada, 'grace-offline');
        self::assertSame([], $ada->consoleErrors());
        self::assertStringNotContainsString('ERROR', (string) @file_get_contents("{$app->folder}/logs/laravel.log"));
    }

    private function assertBadgeBecomes(string $label, Browser $browser, int $user): void
    {
        $text = fn (): string => trim($browser->evaluate("return document.getElementById('live-{$user}').innerText"));
        $hasLabel = eventually(fn (): bool => $text() === $label);
        self::assertTrue($hasLabel, "The badge of user {$user} shows {$text()} instead of {$label}");
    }

    private function takeScreenshot(Browser $browser, string $name): void
    {
        $folder = getenv('PRESENCE_SCREENSHOTS') ?: sys_get_temp_dir() . '/presence-screenshots';
        $browser->screenshot("{$folder}/{$name}.png");
    }
}

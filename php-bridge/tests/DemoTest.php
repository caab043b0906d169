<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The demo as people see it: two browsers, and badges that follow. */
final class DemoTest extends BrowserTestCase
{
    private const ADA = 1;

    private const GRACE = 2;

    public function receivers(): array
    {
        $own = ['PRESENCE_SIDECAR_WEBHOOK_PATH' => 'hooks/sidecar', 'PRESENCE_SIDECAR_BROADCAST' => 'true'];

        return [
            'the receiver of the package' => ['hooks/sidecar', $own],
            'a receiver that the app wrote for the old package' => ['hooks/presence', []],
        ];
    }

    /** @dataProvider receivers */
    public function test_ones_badge_follows_live_what_the_other_does(string $path, array $receiver): void
    {
        $port = Process::port();
        $webhook = [
            'PRESENCE_DRIVER' => 'webhook',
            'PRESENCE_WEBHOOK_URL' => "http://127.0.0.1:{$port}/{$path}",
            'PRESENCE_WEBHOOK_SECRET' => self::WEBHOOK_SECRET,
        ];
        $sidecar = new Sidecar(self::redis(), $webhook);
        $app = $this->serve($webhook + $receiver, $sidecar, $port);

        $ada = new Browser();
        $this->logIn($ada, $app, self::ADA);
        $this->assertBadgeBecomes('Online', $ada, self::ADA);
        $this->assertBadgeBecomes('Offline', $ada, self::GRACE);
        $this->picture($ada, 'ada-is-alone');

        $grace = new Browser();
        $grace->newTab();
        $this->logIn($grace, $app, self::GRACE);
        $this->assertBadgeBecomes('Online', $ada, self::GRACE);
        $this->picture($ada, 'grace-has-come');
        $this->picture($grace, 'grace-herself');

        $grace->hide();
        $this->assertBadgeBecomes('Away', $ada, self::GRACE);
        $this->picture($ada, 'grace-is-away');
        $grace->show();
        $this->assertBadgeBecomes('Online', $ada, self::GRACE);

        $grace->closeTab();
        $this->assertBadgeBecomes('Offline', $ada, self::GRACE);
        $this->picture($ada, 'grace-has-left');
        self::assertSame([], $ada->complaints());
        self::assertStringNotContainsString('ERROR', (string) @file_get_contents("{$app->folder}/logs/laravel.log"));
    }

    private function assertBadgeBecomes(string $shown, Browser $browser, int $user): void
    {
        $text = fn (): string => trim($browser->evaluate("return document.getElementById('live-{$user}').innerText"));
        $is = eventually(fn (): bool => $text() === $shown);
        self::assertTrue($is, "The badge of user {$user} shows {$text()} and not {$shown}");
    }

    private function picture(Browser $browser, string $name): void
    {
        $folder = getenv('PRESENCE_SCREENSHOTS') ?: sys_get_temp_dir() . '/presence-screenshots';
        $browser->screenshot("{$folder}/{$name}.png");
    }
}

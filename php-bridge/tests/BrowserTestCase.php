<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\AppServer;
use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Demo\User;

use function AesirCloud\Presence\Tests\Support\eventually;

/** Runs the demo app, whose pages send a heartbeat every second. */
abstract class BrowserTestCase extends TestCase
{
    protected function setUp(): void
    {
        if (! Browser::isInstalled()) {
            self::markTestSkipped('chromedriver is not installed.');
        }
        parent::setUp();
    }

    /** @param array<string, string> $environment */
    protected function startApp(array $environment = [], ?Sidecar $sidecar = null, ?int $port = null): AppServer
    {
        return new AppServer($environment + [
            'PRESENCE_SIDECAR_URL' => ($sidecar ?? self::sidecar())->url,
            'PRESENCE_TOKEN' => Sidecar::TOKEN,
            'REDIS_PORT' => (string) self::redis()->port,
            'DEMO_HEARTBEAT_SECONDS' => '1',
        ], $port);
    }

    protected function logIn(Browser $browser, AppServer $app, ?int $id = null): void
    {
        $browser->open("{$app->url}/login");
        $browser->evaluate(sprintf(
            'const form = document.querySelector("form"); form.id.options[0].value = %d; form.id.selectedIndex = 0;
            form.password.value = "%s"; form.submit();',
            $id ?? $this->id,
            User::PASSWORD
        ));
        $state = 'return location.pathname === "/" && document.readyState';
        $isLoggedIn = fn (): bool => $browser->evaluate($state) === 'complete';
        self::assertTrue(eventually($isLoggedIn), 'Login failed.');
    }

    protected function assertStatusBecomes(string $status, ?int $id = null): void
    {
        $id ??= $this->id;
        $hasStatus = fn (): bool => Presence::status($id)['status'] === $status;
        $isReached = eventually($hasStatus);
        self::assertTrue($isReached, "User {$id} is not {$status}: " . json_encode(Presence::status($id)));
    }
}

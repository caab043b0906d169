<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\AppServer;
use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Demo\User;

use function AesirCloud\Presence\Tests\Support\eventually;

/** The demo app with pages that beat each second. */
abstract class BrowserTestCase extends TestCase
{
    /** @param array<string, string> $environment */
    protected function serve(array $environment = [], ?Sidecar $sidecar = null, ?int $port = null): AppServer
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
        $isThere = fn (): bool => $browser->evaluate($state) === 'complete';
        self::assertTrue(eventually($isThere), 'The login did not succeed.');
    }

    protected function assertBecomes(string $status, ?int $id = null): void
    {
        $id ??= $this->id;
        $is = fn (): bool => Presence::status($id)['status'] === $status;
        self::assertTrue(eventually($is), "User {$id} did not become {$status}: " . json_encode(Presence::status($id)));
    }
}

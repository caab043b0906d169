<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\HeaderTenantResolver;
use AesirCloud\Presence\Tests\Support\HttpClient;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;

use function AesirCloud\Presence\Tests\Support\eventually;

/** One process serves the requests of all users, as with Octane: nothing of a request reaches the next one. */
final class LongWorkerTest extends TestCase
{
    private const RED = ['tenant' => 'red'];

    private const BLUE = ['tenant' => 'blue'];

    private Process $worker;

    private string $url = '';

    private function startWorker(Sidecar $sidecar): void
    {
        $port = Process::freePort();
        $this->url = "http://127.0.0.1:{$port}";
        $config = (string) json_encode([
            'auth.guards.staff' => ['driver' => 'session', 'provider' => 'users'],
            'presence.scope.resolver' => HeaderTenantResolver::class,
            'presence.routing.middleware' => ['web', 'auth'],
            'presence.sidecar.url' => $sidecar->url,
            'presence.sidecar.token' => Sidecar::TOKEN,
            'presence.sidecar.public_url' => $sidecar->url,
            'database.redis.default.port' => self::redis()->port,
            'database.redis.cache.port' => self::redis()->port,
        ]);
        $command = [PHP_BINARY, __DIR__ . '/Support/worker_server.php', (string) $port, $config];
        $folder = Process::folder();
        $this->worker = new Process($command, $folder, ['DEMO_STORAGE' => $folder, 'APP_URL' => $this->url]);
        $this->worker->await(fn (): bool => Process::isListening($port));
    }

    private function logIn(int $id, string $tenant): HttpClient
    {
        $browser = new HttpClient($this->url);
        $form = ['id' => (string) $id, 'password' => 'secret', '_token' => $browser->csrf()];
        [$status, $body] = $browser->request('/login', $form, ["X-Tenant: {$tenant}"]);
        self::assertSame(302, $status, $body . $this->worker->output());

        return $browser;
    }

    private function beat(HttpClient $browser, string $tenant, array $form = [], string $query = ''): int
    {
        $headers = ["X-Tenant: {$tenant}"];
        $form += ['_token' => $browser->csrf('/', $headers), 'active' => '1'];

        return $browser->request("/presence/heartbeat{$query}", $form, [...$headers, 'Accept: application/json'])[0];
    }

    /** @return list<string> status in both tenants and without one */
    private function statuses(int $id): array
    {
        $status = fn (array $scope): string => Presence::status($id, $scope)['status'];

        return array_map($status, [self::RED, self::BLUE, []]);
    }

    private function assertStatuses(array $expected, int $id): void
    {
        eventually(fn (): bool => $this->statuses($id) === $expected);
        self::assertSame($expected, $this->statuses($id), $this->worker->output());
    }

    public function test_scopes_users_sessions_and_guards_do_not_leak_into_next_request(): void
    {
        [$ada, $grace] = [$this->id, $this->id + 5000];
        $this->startWorker(self::sidecar());
        $adasBrowser = $this->logIn($ada, 'red');
        $gracesBrowser = $this->logIn($grace, 'blue');
        $this->assertStatuses(['online', 'offline', 'offline'], $ada);
        $this->assertStatuses(['offline', 'online', 'offline'], $grace);

        // A guest, after requests of users. A page of another guard, whose user is a guest.
        $guest = new HttpClient($this->url);
        $guestsToken = $guest->csrf();
        $form = ['_token' => $guestsToken];
        self::assertSame(401, $guest->request('/presence/heartbeat', $form, ['Accept: application/json'])[0]);
        self::assertSame(401, $this->beat($adasBrowser, 'red', ['active' => '0'], '?guard=staff'));
        $this->assertStatuses(['online', 'offline', 'offline'], $ada);
        self::assertSame(200, $this->beat($adasBrowser, 'red', ['active' => '0']));
        $this->assertStatuses(['away', 'offline', 'offline'], $ada);
        self::assertSame(200, $this->beat($gracesBrowser, 'blue'));
        $this->assertStatuses(['offline', 'online', 'offline'], $grace);

        // Each browser has its own session, and tokens are of their user.
        $sessions = fn (int $id, array $scope): array => array_column(
            Presence::roster($scope + ['guard' => 'web'])['data'][0]['sessions'] ?? [],
            'id'
        );
        self::assertCount(1, $sessions($ada, self::RED));
        self::assertCount(1, $sessions($grace, self::BLUE));
        self::assertNotSame($sessions($ada, self::RED), $sessions($grace, self::BLUE));
        [, $answer] = $gracesBrowser->request('/presence/token', null, ['X-Tenant: blue']);
        $payload = explode('.', json_decode($answer, true)['token'])[1];
        $claims = json_decode(base64_decode(strtr($payload, '-_', '+/')), true);
        self::assertSame(['blue', (string) $grace], [$claims['scope']['tenant'] ?? null, (string) $claims['sub']]);
    }

    public function test_logout_is_not_repeated_by_later_requests(): void
    {
        $this->startWorker(self::sidecar());
        $first = $this->logIn($this->id, 'red');
        $csrf = $first->csrf('/', ['X-Tenant: red']);
        self::assertSame(302, $first->request('/logout', ['_token' => $csrf], ['X-Tenant: red'])[0]);
        $this->assertStatuses(['offline', 'offline', 'offline'], $this->id);
        $this->logIn($this->id, 'red');
        $first->request('/login', null, ['X-Tenant: red']);
        $this->assertStatuses(['online', 'offline', 'offline'], $this->id);
    }

    public function test_worker_goes_on_after_restart_of_sidecar(): void
    {
        $sidecar = new Sidecar(self::redis());
        $this->startWorker($sidecar);
        $browser = $this->logIn($this->id, 'red');
        $sidecar->stop();
        $sidecar = new Sidecar(self::redis(), [], $sidecar->port);
        self::assertSame(200, $this->beat($browser, 'red', ['active' => '0']));
        $this->assertStatuses(['away', 'offline', 'offline'], $this->id);
        self::assertStringNotContainsString('does not answer', (string) @file_get_contents(
            "{$this->worker->folder}/logs/laravel.log"
        ));
    }
}

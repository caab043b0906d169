<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\HttpClient;
use AesirCloud\Presence\Tests\Support\LaravelApp;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\WebServer;
use Illuminate\Foundation\Application;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\TestCase as PlainTestCase;

use function AesirCloud\Presence\Tests\Support\eventually;

/**
 * A new Laravel app, as its user makes it: users in SQLite, sessions in the database, cached configuration, routes,
 * events and views, a queue worker and the scheduler.
 */
final class LaravelAppTest extends PlainTestCase
{
    private LaravelApp $app;

    private HttpClient $browser;

    private RedisServer $redis;

    protected function setUp(): void
    {
        if (! LaravelApp::isSupported()) {
            self::markTestSkipped('The demo app needs Laravel 11 or newer.');
        }
    }

    /** @return array<string, array{string}> */
    public static function stores(): array
    {
        return ['database' => ['database'], 'Redis' => ['redis']];
    }

    private function newApp(string $store, array $env = []): LaravelApp
    {
        $this->redis = new RedisServer();
        $this->redis->client()->config('SET', 'appendonly', 'yes');
        $this->app = new LaravelApp($env + ['CACHE_STORE' => $store, 'REDIS_PORT' => (string) $this->redis->port]);
        $this->browser = new HttpClient($this->app->url);

        return $this->app;
    }

    private function logIn(string $email = 'ada@example.com'): void
    {
        $form = ['email' => $email, 'password' => 'secret', '_token' => $this->browser->csrf()];
        self::assertSame(302, $this->browser->request('/login', $form)[0]);
    }

    private function statusOf(int $id): string
    {
        return json_decode($this->browser->request("/presence/status/{$id}")[1], true)['status'] ?? 'no response';
    }

    /** @dataProvider stores */
    #[DataProvider('stores')]
    public function test_new_app_journey_with_everything_cached(string $store): void
    {
        $this->newApp($store)->install();
        foreach (['config:cache', 'route:cache', 'event:cache', 'view:cache'] as $command) {
            $this->app->run($command);
        }
        $this->logIn();
        self::assertSame('online', $this->statusOf(1));
        self::assertSame('offline', $this->statusOf(2));
        [, $page] = $this->browser->request('/');
        self::assertStringContainsString('class="presence-badge" data-status="online"', $page);
        self::assertStringContainsString('"heartbeat":"/presence/heartbeat"', $page);

        $isQueued = fn (): bool => str_contains($this->app->log(), 'User 1 arrived.')
            || str_contains($this->app->run('queue:work', '--stop-when-empty'), 'RecordArrival');
        self::assertTrue(eventually($isQueued), 'No webhook has dispatched UserCameOnline.');
        self::assertSame(1, substr_count($this->app->log(), 'User 1 arrived.'));
        self::assertStringContainsString('Missed events dispatched: 0.', $this->app->run('presence:catch-up'));
        $this->app->run('schedule:run');

        $this->assertHeartbeatRoute();
        $csrf = $this->browser->csrf('/');
        self::assertSame(302, $this->browser->request('/logout', ['_token' => $csrf])[0]);
        $this->logIn('grace@example.com');
        self::assertSame(['offline', 'online'], [$this->statusOf(1), $this->statusOf(2)]);
        $findings = $this->app->run('presence:doctor');
        self::assertStringContainsString('ok   webhooks: the receiver accepts a ping', $findings);
        self::assertStringNotContainsString('ERROR', $this->app->log());
    }

    public function test_app_behind_nginx_and_php_fpm(): void
    {
        if (! WebServer::isInstalled()) {
            self::markTestSkipped('The test needs nginx and php-fpm.');
        }
        $server = $this->newApp('redis')->installBehindNginx();
        foreach (['config:cache', 'route:cache', 'event:cache', 'view:cache'] as $command) {
            $this->app->run($command);
        }
        $this->logIn();
        self::assertSame('online', $this->statusOf(1), $server->output());
        [, $page] = $this->browser->request('/');
        self::assertStringContainsString('class="presence-badge" data-status="online"', $page);
        $this->assertHeartbeatRoute();
        $isReceived = fn (): bool => str_contains($this->app->run('queue:work', '--stop-when-empty'), 'RecordArrival');
        self::assertTrue(eventually($isReceived), 'No webhook has passed nginx.' . $server->output());
        self::assertStringContainsString('ok   webhooks: the receiver accepts', $this->app->run('presence:doctor'));

        // A heartbeat of the middleware is sent behind the response: a sidecar that hangs delays no page.
        $grace = new HttpClient($this->app->url);
        $form = ['email' => 'grace@example.com', 'password' => 'secret', '_token' => $grace->csrf()];
        self::assertSame(302, $grace->request('/login', $form)[0]);
        $this->app->sidecar->signal(SIGSTOP);
        $redis = $this->redis->client(1);
        $redis->del($redis->keys('*presence:beat:*'));
        $begin = microtime(true);
        self::assertSame(200, $grace->request('/login')[0]);
        $seconds = microtime(true) - $begin;
        self::assertLessThan(0.5, $seconds, 'The page has waited for the sidecar.');
        $isReported = fn (): bool => str_contains($this->app->log(), 'The presence sidecar at');
        self::assertTrue(eventually($isReported), 'The heartbeat was not sent.');
        $this->app->sidecar->signal(SIGCONT);
    }

    /** A heartbeat needs a CSRF token or, since Laravel 13, Chromium's header of the same origin. */
    private function assertHeartbeatRoute(): void
    {
        $json = ['Accept: application/json'];
        $token = $this->browser->csrf('/');
        $idle = ['active' => '0'];
        self::assertSame(419, $this->browser->request('/presence/heartbeat', $idle, $json)[0]);
        self::assertSame(200, $this->browser->request('/presence/heartbeat', $idle + ['_token' => $token], $json)[0]);
        self::assertSame('away', $this->statusOf(1));
        if (version_compare(Application::VERSION, '13', '>=')) {
            $sameOrigin = [...$json, 'Sec-Fetch-Site: same-origin'];
            [$status, $body] = $this->browser->request('/presence/heartbeat', ['active' => '1'], $sameOrigin);
            self::assertSame([200, '{"ok":true}'], [$status, $body]);
            self::assertSame('online', $this->statusOf(1));
        }
        $guest = new HttpClient($this->app->url);
        $csrf = $guest->csrf();
        self::assertSame(401, $guest->request('/presence/heartbeat', ['_token' => $csrf], $json)[0]);
    }

    public function test_database_of_app_has_only_its_own_tables_and_those_of_sidecar(): void
    {
        $this->newApp('database')->install();
        $this->logIn();
        $tables = (new \PDO("sqlite:{$this->app->folder}/database/database.sqlite"))
            ->query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sidecar%'")
            ->fetchAll(\PDO::FETCH_COLUMN);
        sort($tables);
        $own = ['cache', 'cache_locks', 'failed_jobs', 'jobs', 'migrations', 'sessions', 'sqlite_sequence', 'users'];
        self::assertSame($own, $tables);
    }

    public function test_sidecar_stops_and_app_keeps_working(): void
    {
        $this->newApp('redis')->install();
        $this->logIn();
        $this->app->sidecar->stop();
        [$status, $page] = $this->browser->request('/');
        self::assertSame(200, $status);
        self::assertStringContainsString('data-status="online"', $page);
        self::assertSame('online', $this->statusOf(1));
        self::assertSame(1, substr_count($this->app->log(), 'ERROR: The presence sidecar at'));
    }
}

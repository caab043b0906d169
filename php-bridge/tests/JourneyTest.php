<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Browser;
use AesirCloud\Presence\Tests\Support\HttpClient;
use AesirCloud\Presence\Tests\Support\LaravelApp;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\ReleaseServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use PHPUnit\Framework\TestCase as PlainTestCase;
use RuntimeException;

use function AesirCloud\Presence\Tests\Support\eventually;

/** What a new user does who has README.md alone: the scripts in journeys/, with a real Composer. */
final class JourneyTest extends PlainTestCase
{
    private const SCRIPTS = __DIR__ . '/journeys';

    private const MAX_COMMANDS = 4;

    private const MAX_SECONDS = 180;

    private int $port = 0;

    private string $folder = '';

    private RedisServer $redis;

    protected function setUp(): void
    {
        if (! LaravelApp::isSupported()) {
            self::markTestSkipped('The apps need Laravel 11 or newer.');
        }
        $this->redis = new RedisServer();
        $this->redis->client()->config('SET', 'appendonly', 'yes');
        $this->port = Process::freePort();
        $this->folder = Process::folder() . '/app';
    }

    private function url(): string
    {
        return "http://127.0.0.1:{$this->port}";
    }

    private function makeEmptyApp(): void
    {
        $script = escapeshellarg(self::SCRIPTS . '/empty-app');
        $variables = "APP_URL={$this->url()} CACHE_STORE=redis REDIS_PORT={$this->redis->port}";
        exec("{$script} {$this->folder} {$variables} 2>&1", $output, $status);
        $status === 0 || throw new RuntimeException('empty-app failed: ' . implode("\n", $output));
    }

    /** @param list<string> $arguments */
    private function start(string $script, array $arguments, array $environment = []): Process
    {
        $environment += ['PHP_CLI_SERVER_WORKERS' => '4'];

        $command = [self::SCRIPTS . "/{$script}", $this->folder, ...$arguments];

        return new Process($command, Process::folder(), $environment);
    }

    private function logIn(HttpClient $browser, string $name): void
    {
        $form = ['email' => "{$name}@example.com", 'password' => 'secret', '_token' => $browser->csrf()];
        self::assertSame(302, $browser->request('/login', $form)[0]);
    }

    public function test_empty_app_has_a_badge_that_turns_after_at_most_four_commands_and_three_minutes(): void
    {
        if (! Browser::isInstalled()) {
            self::markTestSkipped('The test needs chromedriver.');
        }
        $this->makeEmptyApp();
        $release = new ReleaseServer();
        $begin = microtime(true);
        $journey = $this->start('first-badge', [
            (string) $this->port,
            "--archive={$release->url}", "--sha256={$release->sha256}", '--url=http://127.0.0.1:' . Process::freePort(),
        ]);
        $isRunning = fn (): bool => Process::isListening($this->port);
        self::assertTrue(eventually($isRunning, self::MAX_SECONDS), $journey->output());

        $page = $this->pageOfAda();
        $label = function (int $user) use ($page): string {
            $page->open("{$this->url()}/");

            return trim($page->evaluate("return document.getElementById('user-{$user}')?.innerText ?? ''"));
        };
        $becomes = fn (string $text): bool => eventually(fn (): bool => $label(2) === $text);
        self::assertTrue(eventually(fn (): bool => $label(1) === 'Online'), $journey->output());
        self::assertSame('Offline', $label(2));
        $this->logIn($grace = new HttpClient($this->url()), 'grace');
        self::assertTrue($becomes('Online'), $journey->output());
        $seconds = microtime(true) - $begin;
        $idle = ['active' => '0', '_token' => $grace->csrf('/')];
        self::assertSame([200, '{"ok":true}'], $grace->request('/presence/heartbeat', $idle));
        self::assertTrue($becomes('Away'), $journey->output());

        $commands = substr_count("\n{$journey->output()}", "\n$ ");
        self::assertLessThanOrEqual(self::MAX_COMMANDS, $commands, $journey->output());
        self::assertLessThan(self::MAX_SECONDS, $seconds);
        self::assertSame([], $page->consoleErrors());
    }

    private function pageOfAda(): Browser
    {
        $page = new Browser();
        $page->newTab();
        $page->open("{$this->url()}/login");
        $form = 'const form = document.querySelector("form"); form.email.value = "ada@example.com"; ';
        $page->evaluate("{$form} form.password.value = 'secret'; form.submit();");
        $isLoggedIn = fn (): bool => $page->evaluate('return location.pathname + document.readyState') === '/complete';
        self::assertTrue(eventually($isLoggedIn), 'Login failed.');

        return $page;
    }

    /** An app with the code, the published configuration, the receiver and the records of the old package. */
    private function makeAppOfOldPackage(): void
    {
        $this->makeEmptyApp();
        $require = 'composer require aesircloud/laravel-presence --quiet --no-interaction 2>&1';
        exec("cd {$this->folder} && COMPOSER_DISABLE_NETWORK=1 {$require}", $output, $status);
        self::assertSame(0, $status, implode("\n", $output));
        $env = "PRESENCE_DRIVER=webhook\nPRESENCE_WEBHOOK_URL={$this->url()}/hooks/presence\n"
            . "PRESENCE_WEBHOOK_SECRET=webhook-secret-0123456789abcdef\n";
        file_put_contents("{$this->folder}/.env", $env, FILE_APPEND);
        mkdir("{$this->folder}/config");
        file_put_contents("{$this->folder}/config/presence.php", "<?php return ['driver' => env('PRESENCE_DRIVER'),
            'cache' => ['ttl_seconds' => 120, 'away_after_seconds' => 90],
            'webhook' => ['url' => env('PRESENCE_WEBHOOK_URL'), 'secret' => env('PRESENCE_WEBHOOK_SECRET')]];");
        $bootstrap = (string) file_get_contents("{$this->folder}/bootstrap/app.php");
        $append = '$middleware->append(\AesirCloud\Presence\Http\Middleware\UpdatePresence::class);';
        $start = 'withMiddleware(function (Middleware $middleware): void {';
        file_put_contents("{$this->folder}/bootstrap/app.php", str_replace($start, "{$start}\n{$append}", $bootstrap));

        $web = (string) file_get_contents("{$this->folder}/routes/web.php");
        preg_match('/^<!-- receiver -->\n```php\n(.*?)^```$/ms', (string) file_get_contents(
            __DIR__ . '/../README.md'
        ), $receiver);
        $route = (string) preg_replace('/^use .*\n/m', '', $receiver[1]);
        $route = str_replace("event('presence', ", "logger('received', ", $route);
        $status = "Route::get('/status/{id}', fn (int \$id) => \AesirCloud\Presence\Facades\Presence::status(\$id));";
        $web = str_replace('use Illuminate\Support', "use Illuminate\Http\Request;\nuse Illuminate\Support", $web);
        file_put_contents("{$this->folder}/routes/web.php", "{$web}\n{$route}\n{$status}\n");
    }

    private function serveApp(): Process
    {
        $index = "{$this->folder}/public/index.php";
        $command = [PHP_BINARY, '-S', "127.0.0.1:{$this->port}", '-t', dirname($index), $index];
        $server = new Process($command, Process::folder(), ['PHP_CLI_SERVER_WORKERS' => '4']);
        $server->await(fn (): bool => Process::isListening($this->port));

        return $server;
    }

    /** @return array<string, mixed> */
    private function statusOf(int $id): array
    {
        [$code, $body] = (new HttpClient($this->url()))->request("/status/{$id}");
        self::assertSame(200, $code, substr($body, 0, 2000));

        return json_decode($body, true);
    }

    public function test_app_moves_over_from_old_package_in_five_steps_and_back(): void
    {
        $this->makeAppOfOldPackage();
        $server = $this->serveApp();
        $this->logIn($ada = new HttpClient($this->url()), 'ada');
        $ada->request('/');
        self::assertSame(['by' => 'the old package'], $this->statusOf(1)['meta'] ?? null, $server->output());
        $keys = array_diff($this->redis->client(1)->keys('*presence|*'), ['']);
        self::assertCount(1, $keys);

        $path = Process::folder();
        symlink(Sidecar::binary(), "{$path}/presence-sidecar");
        $sidecar = 'http://127.0.0.1:' . Process::freePort();
        $journey = $this->start('move-over', [$sidecar], ['PATH' => "{$path}:" . getenv('PATH')]);
        $isDone = fn (): bool => str_contains($journey->output(), 'Step 5');
        self::assertTrue(eventually($isDone, self::MAX_SECONDS), $journey->output());
        self::assertDirectoryDoesNotExist("{$this->folder}/vendor/aesircloud");
        $doctor = strstr($journey->output(), 'Step 4') ?: '';
        self::assertStringContainsString('ok   records: the sidecar reads a record that the app wrote', $doctor);
        self::assertStringContainsString("posted to {$this->url()}/hooks/presence, the app's own receiver", $doctor);
        self::assertStringNotContainsString('FIX', $doctor);

        $server->stop();
        eventually(fn (): bool => ! Process::isListening($this->port)); // Its workers end by themselves.
        $server = $this->serveApp();
        $status = $this->statusOf(1);
        self::assertSame(['online', ['by' => 'the old package']], [$status['status'], $status['meta']]);
        $this->logIn(new HttpClient($this->url()), 'grace');
        self::assertSame('online', $this->statusOf(2)['status']);
        self::assertContains($keys[0], $this->redis->client(1)->keys('*presence|*'));
        $log = fn (): string => (string) @file_get_contents("{$this->folder}/storage/logs/laravel.log");
        $isReceived = fn (): bool => preg_match('/received .*"event":"online"/', $log()) === 1;
        self::assertTrue(eventually($isReceived), 'The own receiver got no webhook: ' . $log() . $journey->output());

        // And back.
        $env = (string) file_get_contents("{$this->folder}/.env");
        file_put_contents("{$this->folder}/.env", preg_replace('/^PRESENCE_SIDECAR_URL=.*\n/m', '', $env));
        $journey->stop();
        self::assertSame(['online', 'online'], [$this->statusOf(1)['status'], $this->statusOf(2)['status']]);
    }
}

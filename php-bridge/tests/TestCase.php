<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\DemoCopy;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Closure;
use Demo\User;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\HandleExceptions;
use Illuminate\Foundation\Bootstrap\LoadConfiguration;
use Illuminate\Foundation\Testing\TestCase as LaravelTestCase;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Facade;
use ReflectionFunction;

/** Boots the demo app in this process, with a Redis and a sidecar shared by all tests of the run. */
abstract class TestCase extends LaravelTestCase
{
    protected const WEBHOOK_SECRET = 'test-webhook-secret-0123456789';

    /** @var array<string, mixed> overrides of the app's configuration files */
    protected array $config = [];

    public $mockConsoleOutput = false;

    /** Id of a user that no other test uses. */
    protected int $id = 0;

    private static int $lastId = 1000;

    private static ?RedisServer $redis = null;

    private static ?Sidecar $sidecar = null;

    public function createApplication(): Application
    {
        $app = require __DIR__ . '/../demo/bootstrap/app.php';
        $app->afterBootstrapping(LoadConfiguration::class, function (Application $app): void {
            $app->make('config')->set($this->configuration());
        });
        $app->make(Kernel::class)->bootstrap();

        return $app;
    }

    protected static function redis(): RedisServer
    {
        return self::$redis ??= new RedisServer();
    }

    protected static function sidecar(): Sidecar
    {
        return self::$sidecar ??= new Sidecar(self::redis());
    }

    /** Returns the full key in Redis of a key in the app's cache. A ":" follows the cache prefix up to Laravel 10. */
    protected static function redisKey(string $key): string
    {
        $separator = version_compare(Application::VERSION, '11', '<') ? ':' : '';

        return "demo_database_demo_cache{$separator}{$key}";
    }

    protected function setUp(): void
    {
        putenv('DEMO_STORAGE=' . Process::folder());
        parent::setUp();
        $this->id = ++self::$lastId;
        array_map([Cache::class, 'forget'], ['presence:failure:', 'presence:failure:401', 'presence:failure:422']);
    }

    protected function tearDown(): void
    {
        $log = (string) @file_get_contents(self::deprecationLog());
        parent::tearDown();
        self::restoreHandlers();
        self::assertSame([], preg_grep('~ in \S*/php-bridge/(src|config|routes)/~', explode("\n", $log)) ?: []);
    }

    /** Removes the error and exception handlers of all apps of the test, which Laravel before version 11 leaves. */
    private static function restoreHandlers(): void
    {
        $owner = fn (mixed $handler): mixed => match (true) {
            $handler instanceof Closure => (new ReflectionFunction($handler))->getClosureThis(),
            is_array($handler) => $handler[0],
            default => null,
        };
        $isLaravels = fn (mixed $handler): bool => $owner($handler) instanceof HandleExceptions;
        while ($isLaravels(set_error_handler(null))) {
            restore_error_handler();
            restore_error_handler();
        }
        restore_error_handler();
        while ($isLaravels(set_exception_handler(null))) {
            restore_exception_handler();
            restore_exception_handler();
        }
        restore_exception_handler();
    }

    private static function deprecationLog(): string
    {
        return getenv('DEMO_STORAGE') . '/logs/deprecations.log';
    }

    /** Restarts the app with other configuration overrides. */
    protected function reconfigure(array $config): void
    {
        $this->config = $config;
        Facade::clearResolvedInstances();
        $this->refreshApplication();
    }

    /** Returns the app's log. */
    protected function logContents(): string
    {
        return (string) @file_get_contents(storage_path('logs/laravel.log'));
    }

    /** @return array{int, string} exit code and output of a command */
    protected function runCommand(string $name, array $arguments = []): array
    {
        return [Artisan::call($name, $arguments), Artisan::output()];
    }

    /** @return array{int, string} exit code and output of a command in a process of its own */
    protected function runInProcess(string $command, array $environment = []): array
    {
        return DemoCopy::artisan(__DIR__ . '/../demo', [$command], $environment + [
            'DEMO_STORAGE' => storage_path(),
            'PRESENCE_SIDECAR_URL' => self::sidecar()->url,
            'PRESENCE_TOKEN' => Sidecar::TOKEN,
            'REDIS_PORT' => (string) self::redis()->port,
        ]);
    }

    protected function user(int|string|null $id = null): User
    {
        return new User(['id' => $id ?? $this->id, 'name' => 'Test User', 'remember_token' => '']);
    }

    /** Returns the record of a user in the app's cache. */
    protected function cacheRecord(int|string|null $id = null, string $scope = ''): mixed
    {
        return Cache::get("presence|{$scope}guard:web|user:" . ($id ?? $this->id));
    }

    /** @return array<string, mixed> */
    private function configuration(): array
    {
        return $this->config + [
            'database.redis.default.port' => self::redis()->port,
            'database.redis.cache.port' => self::redis()->port,
            'logging.channels.deprecations' => ['driver' => 'single', 'path' => self::deprecationLog()],
            'presence.sidecar.url' => self::sidecar()->url,
            'presence.sidecar.token' => Sidecar::TOKEN,
        ];
    }
}

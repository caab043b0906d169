<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Demo\User;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\LoadConfiguration;
use Illuminate\Foundation\Testing\TestCase as LaravelTestCase;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Facade;

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

    protected function setUp(): void
    {
        putenv('DEMO_STORAGE=' . Process::folder());
        parent::setUp();
        $this->id = ++self::$lastId;
        array_map([Cache::class, 'forget'], ['presence:failure:', 'presence:failure:401', 'presence:failure:422']);
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
            'presence.sidecar.url' => self::sidecar()->url,
            'presence.sidecar.token' => Sidecar::TOKEN,
        ];
    }
}

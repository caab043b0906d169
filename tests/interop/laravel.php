<?php

/*
 * A Laravel application as far as presence needs one: Debian's Laravel 8.83 with its Redis client, its database, its
 * cache and its facades. It takes one order per line as JSON on standard input and answers each with one line: {"ok": …} or
 * {"error": "…"}.
 *
 * The framework is real; two things are not and say so: class Presence stands for the PHP package (written from the
 * contract that sidecar and package share), and class UnseparatedRedisStore for the store of Laravel 11 and later.
 */

declare(strict_types=1);

error_reporting(E_ALL & ~E_DEPRECATED); // 8.83 was written for PHP 8.0.
ini_set('display_errors', 'stderr');

require '/usr/share/php/Illuminate/autoload.php';

use Illuminate\Cache\CacheManager;
use Illuminate\Cache\DatabaseStore;
use Illuminate\Cache\RedisStore;
use Illuminate\Config\Repository;
use Illuminate\Container\Container;
use Illuminate\Contracts\Cache\Store;
use Illuminate\Database\Capsule\Manager;
use Illuminate\Redis\RedisManager;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Str;

/** Laravel 11 dropped the ":" that older stores put behind the cache prefix. Nothing else of the store changed. */
final class UnseparatedRedisStore extends RedisStore
{
    public function setPrefix($prefix): void
    {
        $this->prefix = $prefix;
    }
}

/** What the PHP package does with the cache. */
final class Presence
{
    public function __construct(private readonly int $ttl, private readonly int $awayAfter)
    {
    }

    public function key(int|string $user, array $scope): string
    {
        $parts = [
            'presence',
            $scope['tenant'] ?? null,
            empty($scope['location']) ? null : 'loc:'.$scope['location'],
            empty($scope['domain']) ? null : 'dom:'.$scope['domain'],
            'guard:'.($scope['guard'] ?? 'web'),
            'user:'.$user,
        ];

        return Str::snake(implode('|', array_filter($parts)));
    }

    public function heartbeat(int|string $user, array $meta, array $scope): void
    {
        $record = ['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
        Cache::put($this->key($user, $scope), $record, $this->ttl);
    }

    public function status(int|string $user, array $scope): array
    {
        $record = Cache::get($this->key($user, $scope));
        if (! $record) {
            return ['status' => 'offline', 'last_seen_at' => null, 'seconds_ago' => null, 'meta' => []];
        }
        $seen = Carbon::parse($record['last_seen_at']);
        $elapsed = Carbon::now()->diffInSeconds($seen);
        $status = $elapsed < $this->awayAfter ? 'online' : ($elapsed < $this->ttl ? 'away' : 'offline');

        return ['status' => $status, 'last_seen_at' => $seen, 'seconds_ago' => $elapsed, 'meta' => $record['meta'] ?? []];
    }
}

/** The settings of the app's skeleton: config/database.php and config/cache.php. */
function skeleton(array $env): Repository
{
    $separator = version_compare($env['version'], '12.2', '<') && $env['version'] !== '12' ? '_' : '-';
    $prefix = fn (string $what): string => Str::slug($env['app_name'], $separator).$separator.$what.$separator;
    $server = ['host' => '127.0.0.1', 'port' => $env['port']];

    return new Repository([
        'database.redis' => [
            'client' => 'phpredis',
            'options' => ['prefix' => $env['redis_prefix'] ?? $prefix('database')],
            'default' => $server + ['database' => 0],
            'cache' => $server + ['database' => $env['cache_db']],
        ],
        'cache' => [
            'default' => $env['database'] ? 'database' : 'redis',
            'prefix' => $env['cache_prefix'] ?? $prefix('cache'),
            'stores' => [
                'redis' => ['driver' => 'redis', 'connection' => 'cache'],
                'database' => ['driver' => 'database', 'table' => 'cache', 'connection' => null],
            ],
        ],
    ]);
}

function application(array $env): Container
{
    $app = new Container;
    $app->instance('config', skeleton($env));
    $app->singleton('redis', fn () => new RedisManager($app, 'phpredis', $app['config']->get('database.redis')));
    if ($env['database']) {
        $databases = new Manager($app);
        $databases->addConnection($env['database'] + ['charset' => 'utf8mb4', 'prefix' => '']);
        $app->instance('db', $databases->getDatabaseManager());
    }
    $app->singleton('cache', fn () => new CacheManager($app));
    if (version_compare($env['version'], '11', '>=')) {
        $app['cache']->extend('redis', fn () => $app['cache']->repository(
            new UnseparatedRedisStore($app['redis'], $app['config']['cache.prefix'], 'cache')
        ));
    }
    Facade::setFacadeApplication($app);
    date_default_timezone_set($env['timezone']);

    return $app;
}

/** The seconds that a key has left; -2 if there is no such key. */
function left(Store $store, string $key): int
{
    if (! $store instanceof DatabaseStore) {
        return $store->connection()->ttl($key);
    }
    $row = $store->getConnection()->table('cache')->where('key', $key)->first();

    return $row ? $row->expiration - time() : -2;
}

/** Carries out one order. */
function obey(array $order, Presence $presence): mixed
{
    $store = Cache::getStore();
    $user = $order['user_id'] ?? null;
    $scope = $order['scope'] ?? [];

    return match ($order['do']) {
        'get' => Cache::get($order['key']),
        // The value is an expression, so that a test can put any object an app might.
        'put' => Cache::put($order['key'], eval("return {$order['php']};"), $order['ttl']),
        'forget' => Cache::forget($order['key']),
        'ttl' => left($store, $store->getPrefix().$order['key']),
        'key' => $presence->key($user, $scope),
        'heartbeat' => $presence->heartbeat($user, $order['meta'], $scope),
        'status' => $presence->status($user, $scope),
        'evaluate' => eval("return {$order['php']};"),
    };
}

// Laravel turns warnings into exceptions.
set_error_handler(function (int $level, string $message, string $file, int $line): bool {
    if (! (error_reporting() & $level)) {
        return false;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});
class_alias(Carbon::class, 'Carbon');
class_alias(Cache::class, 'Cache');

$env = json_decode($argv[1], true, flags: JSON_THROW_ON_ERROR);
application($env);
$presence = new Presence($env['ttl'], $env['away_after']);
while (($line = fgets(STDIN)) !== false) {
    try {
        $answer = ['ok' => obey(json_decode($line, true, flags: JSON_THROW_ON_ERROR), $presence)];
        $json = json_encode($answer, JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
    } catch (Throwable $error) {
        $json = json_encode(['error' => get_class($error).': '.$error->getMessage()], JSON_INVALID_UTF8_SUBSTITUTE);
    }
    fwrite(STDOUT, $json."\n");
}

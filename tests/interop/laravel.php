<?php

/*
 * A minimal Laravel application for the interop tests: Debian's Laravel (8.83, 10 or 13) with its Redis clients, database,
 * cache and facades. It reads one JSON command per line from standard input and writes one line per result: {"ok": …} or
 * {"error": "…"}.
 *
 * The framework is real. Two classes are substitutes: Presence for the PHP package (written from the contract between
 * sidecar and package), and PrefixedRedisStore for the Redis store of a version on the other side of Laravel 11.
 */

declare(strict_types=1);

error_reporting(E_ALL & ~E_DEPRECATED); // 8.83 and 10 are older than their PHP.
ini_set('display_errors', 'stderr');

require '/usr/share/php/Illuminate/autoload.php';
if (is_file('/usr/share/php/Predis/autoload.php')) {
    require '/usr/share/php/Predis/autoload.php';
}

use Illuminate\Cache\CacheManager;
use Illuminate\Cache\DatabaseStore;
use Illuminate\Cache\RedisStore;
use Illuminate\Config\Repository;
use Illuminate\Container\Container;
use Illuminate\Contracts\Cache\Store;
use Illuminate\Database\Capsule\Manager;
use Illuminate\Foundation\Application;
use Illuminate\Redis\RedisManager;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Str;

/** The installed Redis store, with exactly this prefix: Laravel 11 no longer appends ":" to it. The rest is unchanged. */
final class PrefixedRedisStore extends RedisStore
{
    public function setPrefix($prefix): void
    {
        $this->prefix = $prefix;
    }
}

/** Reads and writes cache records as the PHP package does. */
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
        $elapsed = (int) abs(Carbon::now()->diffInSeconds($seen)); // Carbon 3 returns a float with a sign.
        $status = $elapsed < $this->awayAfter ? 'online' : ($elapsed < $this->ttl ? 'away' : 'offline');

        return ['status' => $status, 'last_seen_at' => $seen, 'seconds_ago' => $elapsed, 'meta' => $record['meta'] ?? []];
    }
}

/** Returns the defaults of Laravel's app skeleton: config/database.php and config/cache.php. */
function skeleton_config(array $env): Repository
{
    $separator = version_compare($env['version'], '12.2', '<') && $env['version'] !== '12' ? '_' : '-';
    $prefix = fn (string $what): string => Str::slug($env['app_name'], $separator).$separator.$what.$separator;
    $server = ['host' => '127.0.0.1', 'port' => $env['port']];
    $node = fn (string $address): array => array_combine(['host', 'port'], explode(':', $address));
    $connections = $env['cluster'] ? ['clusters' => ['cache' => array_map($node, $env['cluster'])]] : [
        'default' => $server + ['database' => 0],
        'cache' => $server + ['database' => $env['cache_db']],
    ];

    return new Repository([
        'database.redis' => [
            'client' => $env['client'],
            'options' => ['cluster' => 'redis', 'prefix' => $env['redis_prefix'] ?? $prefix('database')] + $env['options'],
        ] + $connections,
        'cache' => [
            'default' => $env['database'] ? 'database' : 'redis',
            'prefix' => $env['cache_prefix'] ?? $prefix('cache'),
            'serializable_classes' => $env['serializable_classes'],
            'stores' => [
                'redis' => ['driver' => 'redis', 'connection' => 'cache'],
                'database' => ['driver' => 'database', 'table' => 'cache', 'connection' => null],
            ],
        ],
    ]);
}

function create_application(array $env): Container
{
    $app = new Container;
    $app->instance('config', skeleton_config($env));
    $app->singleton('redis', fn () => new RedisManager($app, $env['client'], $app['config']->get('database.redis')));
    if ($env['database']) {
        $databases = new Manager($app);
        $charset = $env['database']['driver'] === 'pgsql' ? 'utf8' : 'utf8mb4';
        $databases->addConnection($env['database'] + ['charset' => $charset, 'prefix' => '']);
        $app->instance('db', $databases->getDatabaseManager());
        $app->bind('db.schema', fn () => $databases->getConnection()->getSchemaBuilder()); // Since Laravel 10.
    }
    $app->singleton('cache', fn () => new CacheManager($app));
    $appendsColon = fn (string $version): bool => version_compare($version, '11', '<');
    if ($appendsColon($env['version']) !== $appendsColon(Application::VERSION)) {
        $prefix = (string) $app['config']['cache.prefix'];
        $prefix .= $prefix !== '' && $appendsColon($env['version']) ? ':' : '';
        $app['cache']->extend('redis', fn () => $app['cache']->repository(
            new PrefixedRedisStore($app['redis'], $prefix, 'cache')
        ));
    }
    Facade::setFacadeApplication($app);
    date_default_timezone_set($env['timezone']);

    return $app;
}

/** Returns the remaining TTL of a key in seconds; -2 if the key does not exist. */
function remaining_ttl(Store $store, string $key): int
{
    if (! $store instanceof DatabaseStore) {
        return $store->connection()->ttl($key);
    }
    $row = $store->getConnection()->table('cache')->where('key', $key)->first();

    return $row ? $row->expiration - time() : -2;
}

/** Executes one command. */
function execute(array $command, Presence $presence): mixed
{
    $store = Cache::getStore();
    $user = $command['user_id'] ?? null;
    $scope = $command['scope'] ?? [];

    return match ($command['do']) {
        'get' => Cache::get($command['key']),
        // The value is a PHP expression, so that a test can store any object.
        'put' => Cache::put($command['key'], eval("return {$command['php']};"), $command['ttl']),
        'forget' => Cache::forget($command['key']),
        'ttl' => remaining_ttl($store, $store->getPrefix().$command['key']),
        'key' => $presence->key($user, $scope),
        'heartbeat' => $presence->heartbeat($user, $command['meta'], $scope),
        'status' => $presence->status($user, $scope),
        'evaluate' => eval("return {$command['php']};"),
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
create_application($env);
$presence = new Presence($env['ttl'], $env['away_after']);
while (($line = fgets(STDIN)) !== false) {
    try {
        $result = ['ok' => execute(json_decode($line, true, flags: JSON_THROW_ON_ERROR), $presence)];
        $json = json_encode($result, JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
    } catch (Throwable $error) {
        $json = json_encode(['error' => get_class($error).': '.$error->getMessage()], JSON_INVALID_UTF8_SUBSTITUTE);
    }
    fwrite(STDOUT, $json."\n");
}

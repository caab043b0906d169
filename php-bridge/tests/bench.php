<?php

/*
 * What a call costs the PHP process that makes it: through the bridge over TCP and over a unix socket, and beside them
 * the same work against Redis directly, as aesircloud/laravel-presence does it. One run, one sidecar, one Redis.
 *
 *   php tests/bench.php [ROUNDS]        200 rounds if left out
 *
 * Each round makes every call once, so that whatever else the machine does hits all alike. "waiting" is the median of
 * the time until the answer is there; "PHP" is the processor time of this process per call.
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

require __DIR__ . '/autoload.php';

use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Demo\User;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\LoadConfiguration;
use Illuminate\Support\Facades\Facade;

function app(RedisServer $redis, ?string $url, ?string $unix): Application
{
    putenv('DEMO_STORAGE=' . Process::folder());
    $app = require __DIR__ . '/../demo/bootstrap/app.php';
    $app->afterBootstrapping(LoadConfiguration::class, fn (Application $app) => $app->make('config')->set([
        'database.redis.default.port' => $redis->port,
        'database.redis.cache.port' => $redis->port,
        'presence.sidecar.url' => $url,
        'presence.sidecar.unix' => $unix,
        'presence.sidecar.token' => Sidecar::TOKEN,
        'presence.sidecar.on_failure' => 'throw',
    ]));
    $app->make(Kernel::class)->bootstrap();

    return $app;
}

/** @return array{float, float} microseconds of waiting and of processor time */
function measure(callable $call): array
{
    $cpu = fn (array $usage): float => ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e6
        + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
    [$busy, $begun] = [$cpu(getrusage()), hrtime(true)];
    $call();

    return [(hrtime(true) - $begun) / 1000, $cpu(getrusage()) - $busy];
}

function median(array $values): float
{
    sort($values);

    return $values[intdiv(count($values), 2)];
}

$rounds = (int) ($argv[1] ?? 200);
$redis = new RedisServer();
$sidecar = new Sidecar($redis);
$ways = [
    'bridge, TCP' => app($redis, $sidecar->url, null),
    'bridge, unix socket' => app($redis, null, $sidecar->socket),
    'Redis directly' => app($redis, null, null),
];
$user = User::find(1);
$meta = ['ip' => '127.0.0.1', 'ua' => 'Mozilla/5.0 (X11; Linux x86_64)'];
$measured = [];
for ($round = -10; $round < $rounds; $round++) {
    foreach ($ways as $way => $app) {
        // Facades and helpers are of the app that was made last; each way gets its own.
        Application::setInstance($app);
        Facade::clearResolvedInstances();
        Facade::setFacadeApplication($app);
        $presence = $app->make(PresenceManager::class);
        $calls = [
            'heartbeat' => fn () => $presence->heartbeat($user, $meta),
            'many(100)' => fn () => $presence->many(range(1, 100)),
        ];
        foreach ($calls as $call => $make) {
            $measured[$call][$way][$round] = measure($make);
        }
    }
    // The old package asks for one after the other.
    $oneByOne = fn () => array_map([$presence, 'status'], range(1, 100));
    $measured['many(100)']['Redis, 100 GETs'][$round] = measure($oneByOne);
}

printf("%-10s %-20s %12s %12s\n", 'call', 'way', 'waiting', 'PHP');
foreach ($measured as $call => $costs) {
    foreach ($costs as $way => $cost) {
        $cost = array_filter($cost, fn (int $round): bool => $round >= 0, ARRAY_FILTER_USE_KEY); // The rest warmed up.
        $waiting = median(array_column($cost, 0));
        $busy = array_sum(array_column($cost, 1)) / count($cost);
        printf("%-10s %-20s %9.0f µs %9.0f µs\n", $call, $way, $waiting, $busy);
    }
}

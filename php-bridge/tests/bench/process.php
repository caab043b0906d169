<?php

/*
 * Measures the cost of a call for the calling PHP process: over TCP, over a unix socket, and, for comparison, directly
 * against Redis as aesircloud/laravel-presence does it. All variants run against one sidecar and one Redis.
 *
 *   php tests/bench/process.php [ROUNDS]    default: 200 rounds
 *
 * Each round makes every call once, so that other load on the machine affects all variants equally. "latency" is the
 * median; "CPU" is the mean processor time of this process per call.
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

require __DIR__ . '/app.php';

use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Demo\User;
use Illuminate\Foundation\Application;
use Illuminate\Support\Facades\Facade;

/** @return array{float, float} latency and processor time in microseconds */
function measure(callable $call): array
{
    [$cpuBefore, $startedAt] = [processorTime(), hrtime(true)];
    $call();

    return [(hrtime(true) - $startedAt) / 1000, processorTime() - $cpuBefore];
}

$rounds = (int) ($argv[1] ?? 200);
$redis = new RedisServer();
$sidecar = new Sidecar($redis);
$variants = [
    'bridge, TCP' => app($redis->port, $sidecar->url, null, Process::folder()),
    'bridge, unix socket' => app($redis->port, null, $sidecar->socket, Process::folder()),
    'Redis directly' => app($redis->port, null, null, Process::folder()),
];
$user = User::find(1);
$meta = ['ip' => '127.0.0.1', 'ua' => 'Mozilla/5.0 (X11; Linux x86_64)'];
$samples = [];
for ($round = -10; $round < $rounds; $round++) {
    foreach ($variants as $variant => $app) {
        // Facades and helpers use the most recent app; switch them to the variant's.
        Application::setInstance($app);
        Facade::clearResolvedInstances();
        Facade::setFacadeApplication($app);
        $presence = $app->make(PresenceManager::class);
        $calls = [
            'heartbeat' => fn () => $presence->heartbeat($user, $meta),
            'many(100)' => fn () => $presence->many(range(1, 100)),
        ];
        foreach ($calls as $call => $run) {
            $samples[$call][$variant][$round] = measure($run);
        }
    }
    // The old package reads one key after the other.
    $sequential = fn () => array_map([$presence, 'status'], range(1, 100));
    $samples['many(100)']['Redis, 100 GETs'][$round] = measure($sequential);
}

printf("%-10s %-20s %12s %12s\n", 'call', 'variant', 'latency', 'CPU');
foreach ($samples as $call => $variantSamples) {
    foreach ($variantSamples as $variant => $rounds) {
        // Negative rounds are the warm-up.
        $rounds = array_filter($rounds, fn (int $round): bool => $round >= 0, ARRAY_FILTER_USE_KEY);
        $latency = median(array_column($rounds, 0));
        $cpu = array_sum(array_column($rounds, 1)) / count($rounds);
        printf("%-10s %-20s %9.0f µs %9.0f µs\n", $call, $variant, $latency, $cpu);
    }
}

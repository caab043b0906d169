<?php

/*
 * Measures the cost of a call behind nginx and php-fpm, where each request is a fresh process to the app: over TCP,
 * over a unix socket, and, for comparison, directly against Redis as aesircloud/laravel-presence does it.
 *
 *   php tests/bench/fpm.php [ROUNDS]    default: 500 rounds
 *
 * Each round makes every call once, so that other load on the machine affects all variants equally. "latency" is the
 * median of the call. It opens a connection, except that with PHP 8.5 the bridge's calls share one per worker;
 * "connected" means that the request has used its cache before. "CPU" is the mean processor time of the worker for the
 * whole request, less that of a request without a call.
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

require __DIR__ . '/app.php';

use AesirCloud\Presence\Tests\Support\HttpClient;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use AesirCloud\Presence\Tests\Support\WebServer;

$rounds = (int) ($argv[1] ?? 500);
$redis = new RedisServer();
$sidecar = new Sidecar($redis);
$port = Process::freePort();
$server = new WebServer(__DIR__ . '/public', $port, workers: 1);
$client = new HttpClient("http://127.0.0.1:{$port}");
$shared = ['redis' => $redis->port, 'storage' => Process::folder()];
$variants = [
    'bridge, TCP' => ['url' => $sidecar->url, 'unix' => ''],
    'bridge, unix socket' => ['url' => '', 'unix' => $sidecar->socket],
    'Redis directly' => ['url' => '', 'unix' => ''],
    'Redis, connected' => ['url' => '', 'unix' => '', 'connected' => 1],
];
$ask = function (string $call, array $variant) use ($client, $shared): array {
    [$status, $body] = $client->request('/?' . http_build_query(['call' => $call] + $variant + $shared));

    return $status === 200 ? json_decode($body, true, flags: JSON_THROW_ON_ERROR) : exit("{$status}: {$body}\n");
};
$samples = [];
for ($round = -20; $round < $rounds; $round++) {
    foreach (['none', 'heartbeat', 'status'] as $call) {
        foreach ($variants as $name => $variant) {
            $answer = $ask($call, $variant);
            // The next request begins where this one has ended.
            $cpu = $ask('none', $variants['Redis directly'])['started_at'] - $answer['started_at'];
            if ($round >= 0) {
                $samples[$call][$name][] = [$answer['latency'], $cpu];
            }
        }
    }
}
$mean = fn (array $values): float => array_sum($values) / count($values);
printf("%-10s %-20s %12s %12s\n", 'call', 'variant', 'latency', 'CPU');
foreach (['heartbeat', 'status'] as $call) {
    foreach ($samples[$call] as $name => $measured) {
        $cpu = $mean(array_column($measured, 1)) - $mean(array_column($samples['none'][$name], 1));
        printf("%-10s %-20s %9.0f µs %9.0f µs\n", $call, $name, median(array_column($measured, 0)), $cpu);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

require_once __DIR__ . '/../autoload.php';

use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Contracts\Console\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\LoadConfiguration;

/** The demo app on a Redis; with a sidecar at a URL, at a unix socket, or with none. */
function app(int $redisPort, ?string $url, ?string $unix, string $storage): Application
{
    putenv("DEMO_STORAGE={$storage}");
    $app = require __DIR__ . '/../../demo/bootstrap/app.php';
    $app->afterBootstrapping(LoadConfiguration::class, fn (Application $app) => $app->make('config')->set([
        'database.redis.default.port' => $redisPort,
        'database.redis.cache.port' => $redisPort,
        'presence.sidecar.url' => $url,
        'presence.sidecar.unix' => $unix,
        'presence.sidecar.token' => Sidecar::TOKEN,
        'presence.sidecar.on_failure' => 'throw',
    ]));
    $app->make(Kernel::class)->bootstrap();

    return $app;
}

/** Returns the processor time of this process in microseconds. */
function processorTime(): float
{
    $usage = getrusage();

    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e6
        + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
}

/** @param list<float> $values */
function median(array $values): float
{
    sort($values);

    return $values[intdiv(count($values), 2)];
}

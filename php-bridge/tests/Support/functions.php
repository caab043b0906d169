<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** Whether a condition comes to hold in time. It is looked at again and again. */
function eventually(callable $condition, float $seconds = 15.0): bool
{
    $until = microtime(true) + $seconds;
    while (! $condition()) {
        if (microtime(true) > $until) {
            return false;
        }
        usleep(20_000);
    }

    return true;
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** Polls a condition until it is true or the time is over. Returns whether it became true. */
function eventually(callable $condition, float $seconds = 15.0): bool
{
    $deadline = microtime(true) + $seconds;
    while (! $condition()) {
        if (microtime(true) > $deadline) {
            return false;
        }
        usleep(20_000);
    }

    return true;
}

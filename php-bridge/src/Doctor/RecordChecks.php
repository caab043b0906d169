<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\SidecarException;
use Illuminate\Contracts\Config\Repository;
use Throwable;

/** Writes records of test users to the app's cache, and compares what the sidecar reads. */
final class RecordChecks
{
    /** Tolerated clock difference in seconds, including the time of the call. */
    private const MAX_SKEW_SECONDS = 2;

    public function __construct(private readonly Repository $config, private readonly Probe $probe)
    {
    }

    /** @return iterable<Finding> */
    public function run(): iterable
    {
        try {
            $presence = $this->probe->fetchPresence(0);
            if (($presence['meta'] ?? null) !== Probe::META) {
                yield $this->notFound();

                return;
            }
            yield Finding::ok('records', 'the sidecar reads a record that the app wrote');
            $skew = (int) $presence['seconds_ago'];
            yield $skew <= self::MAX_SKEW_SECONDS
                ? Finding::ok('clock', 'in sync')
                : Finding::mismatch('clock', "differs by {$skew} s", 'run a time service on both hosts');
            if ($skew <= self::MAX_SKEW_SECONDS) {
                yield $this->checkTimes();
            }
        } catch (SidecarException $exception) {
            yield Finding::mismatch('sidecar', $exception->getMessage(), 'check the sidecar\'s log');
        } catch (Throwable $exception) {
            $fix = 'start the server of the cache store, or correct its address';
            yield Finding::mismatch('store', "the app cannot use its cache: {$exception->getMessage()}", $fix);
        }
    }

    private function notFound(): Finding
    {
        return Finding::mismatch(
            'records',
            'the sidecar does not find a record that the app wrote',
            'generate its configuration with `php artisan presence:sidecar` and restart it; '
                . '`presence-sidecar doctor` names the difference'
        );
    }

    /** Compares the statuses of users who were last seen shortly before and after each of the app's boundaries. */
    private function checkTimes(): Finding
    {
        $away = (int) $this->config->get('presence.cache.away_after_seconds');
        $ttl = (int) $this->config->get('presence.cache.ttl_seconds');
        foreach ($this->agesToCompare($away, $ttl) as $age) {
            $expected = $age >= $ttl ? 'offline' : ($age >= $away ? 'away' : 'online');
            $actual = $this->probe->fetchPresence($age)['status'] ?? 'unknown';
            if ($actual !== $expected) {
                return Finding::mismatch(
                    'times',
                    "after {$age} s the sidecar says {$actual}, the app {$expected} "
                        . "(away after {$away} s, offline after {$ttl} s)",
                    'set the same PRESENCE_TTL and PRESENCE_AWAY_AFTER for app and sidecar'
                );
            }
        }

        return Finding::ok('times', 'the sidecar applies the app\'s');
    }

    /** @return list<int> ages that a tolerated clock difference does not move across a boundary */
    private function agesToCompare(int $away, int $ttl): array
    {
        $margin = self::MAX_SKEW_SECONDS + 1;
        $isClear = fn (int $age): bool => $age >= 0
            && abs($age - $away) >= $margin
            && abs($age - $ttl) >= $margin;

        return array_values(array_filter([$away - $margin, $away + $margin, $ttl - $margin, $ttl + $margin], $isClear));
    }
}

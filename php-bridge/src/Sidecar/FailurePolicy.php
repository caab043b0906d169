<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\ErrorReporter;
use Closure;
use Throwable;

/**
 * Handles failed calls to the sidecar. By default a failure does not reach the app: the cache serves the call, and the
 * failure is reported at most once a minute. After an outage no call is sent for a few seconds, so that a page with
 * many reads waits for one timeout only.
 */
final class FailurePolicy
{
    private const REPORT_INTERVAL_SECONDS = 60;

    private const PAUSE_SECONDS = 5.0;

    private float $pausedUntil = 0.0;

    /** @param string $onFailure "report", "throw" or "ignore" */
    public function __construct(
        private readonly CacheStore $cache,
        private readonly string $onFailure,
        private readonly bool $useFallback
    ) {
    }

    /**
     * Calls the sidecar; if that fails, the cache; if that fails too, returns the default.
     *
     * @template T
     * @param Closure(): T $sidecar
     * @param Closure(): T $fallback
     * @param T $default
     * @return T
     * @throws SidecarException if on_failure is "throw"
     */
    public function attempt(Closure $sidecar, Closure $fallback, mixed $default = null): mixed
    {
        try {
            if (microtime(true) >= $this->pausedUntil) {
                return $sidecar();
            }
        } catch (SidecarException $exception) {
            $this->handle($exception);
        }
        try {
            return $this->useFallback ? $fallback() : $default;
        } catch (Throwable $exception) {
            $this->report($exception, 'cache');
        }

        return $default;
    }

    private function handle(SidecarException $exception): void
    {
        if ($this->onFailure === 'throw') {
            throw $exception;
        }
        if ($exception->isOutage()) {
            $this->pausedUntil = microtime(true) + self::PAUSE_SECONDS;
        }
        $this->report($exception, (string) $exception->status);
    }

    private function report(Throwable $exception, string $kind): void
    {
        if ($this->onFailure !== 'ignore' && $this->shouldReport($kind)) {
            ErrorReporter::report($exception);
        }
    }

    /** Returns whether no process has reported this kind of failure recently; true if the cache is unavailable. */
    private function shouldReport(string $kind): bool
    {
        try {
            return $this->cache->repository()->add("presence:failure:{$kind}", true, self::REPORT_INTERVAL_SECONDS);
        } catch (Throwable) {
            return true;
        }
    }
}

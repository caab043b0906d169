<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Support\Store;
use Closure;
use Throwable;

/**
 * What becomes of the app when its sidecar fails: nothing, as far as can be. A failure is reported once a minute, and a
 * sidecar that is down is left alone for a few seconds, so that a page with many reads does not wait for each of them.
 */
final class FailurePolicy
{
    private const REPORT_EVERY_SECONDS = 60;

    private const REST_SECONDS = 5.0;

    private float $restUntil = 0.0;

    /** @param string $onFailure "report", "throw" or "ignore" */
    public function __construct(
        private readonly Store $store,
        private readonly string $onFailure,
        private readonly bool $fallback
    ) {
    }

    /**
     * What the sidecar says; if it fails, what the cache says; if that is down as well, the last resort.
     *
     * @template T
     * @param Closure(): T $sidecar
     * @param Closure(): T $cache
     * @param T $lastResort
     * @return T
     * @throws SidecarException if failures are to be thrown
     */
    public function attempt(Closure $sidecar, Closure $cache, mixed $lastResort = null): mixed
    {
        try {
            if (microtime(true) >= $this->restUntil) {
                return $sidecar();
            }
        } catch (SidecarException $failure) {
            $this->handle($failure);
        }
        try {
            return $this->fallback ? $cache() : $lastResort;
        } catch (Throwable $failure) {
            $this->report($failure, 'cache');
        }

        return $lastResort;
    }

    private function handle(SidecarException $failure): void
    {
        if ($this->onFailure === 'throw') {
            throw $failure;
        }
        if ($failure->isOutage()) {
            $this->restUntil = microtime(true) + self::REST_SECONDS;
        }
        $this->report($failure, (string) $failure->status);
    }

    private function report(Throwable $failure, string $kind): void
    {
        if ($this->onFailure !== 'ignore' && $this->isNews($kind)) {
            report($failure);
        }
    }

    /** Whether no process of the app has reported this lately. Without a cache to tell, it is news. */
    private function isNews(string $kind): bool
    {
        try {
            return $this->store->open()->add("presence:failure:{$kind}", true, self::REPORT_EVERY_SECONDS);
        } catch (Throwable) {
            return true;
        }
    }
}

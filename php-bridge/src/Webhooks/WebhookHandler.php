<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\ErrorReporter;
use RuntimeException;

/**
 * Dispatches the events of webhooks and of change log entries. Delivery is at least once: duplicates are detected by
 * id, stale changes by seq. A change is marked as handled after its listeners have run, so a failed listener gets it
 * again with the next delivery attempt. A change that is still being handled is not handled a second time. Broadcasts
 * follow afterwards: their failure does not repeat the event.
 */
final class WebhookHandler
{
    /** Longer than the sidecar's retry schedule and the retention of its change log. */
    private const RETENTION_SECONDS = 7 * 86400;

    /** Time for the listeners of one change, after which another delivery may handle it. */
    private const CLAIM_SECONDS = 60;

    /** Time to wait for another delivery of the same user; less than the sidecar's timeout. */
    private const WAIT_SECONDS = 2.0;

    /** Time between two reports that both the sidecar and this app are set to broadcast. */
    private const REPORT_SECONDS = 3600;

    /** @param Broadcaster|null $broadcaster null if changes are not broadcast */
    public function __construct(private readonly CacheStore $cache, private readonly ?Broadcaster $broadcaster)
    {
    }

    /**
     * Dispatches the event of a change unless it is a duplicate or stale.
     *
     * @param string|null $id id of the webhook's body
     * @param string|null $sidecarBroadcast the connection through which the sidecar broadcasts the change itself
     * @return bool whether the event was dispatched
     */
    public function handle(Change $change, ?string $id = null, ?string $sidecarBroadcast = null): bool
    {
        $claim = 'presence:handling:' . sha1($change->userKey);
        $this->claim($claim);
        try {
            $isNew = $this->dispatchOnce($change, $id);
        } finally {
            $this->cache->repository()->forget($claim);
        }
        if ($isNew && $sidecarBroadcast !== null && $this->broadcaster !== null) {
            $this->reportBoth($sidecarBroadcast);
        } elseif ($isNew) {
            $this->broadcaster?->broadcast($change);
        }

        return $isNew;
    }

    /** Reports that the sidecar and this app are both set to broadcast; pages get the sidecar's broadcast alone. */
    private function reportBoth(string $connection): void
    {
        if ($this->cache->repository()->add('presence:both-broadcast', true, self::REPORT_SECONDS)) {
            ErrorReporter::report(new RuntimeException(
                "The sidecar broadcasts presence over {$connection}, so the webhook receiver does not: set"
                . ' PRESENCE_SIDECAR_BROADCAST=false, or broadcast.connection = "none" for the sidecar'
            ));
        }
    }

    /** Waits until no other process handles a change of the same user; responds with 503 if it takes too long. */
    private function claim(string $key): void
    {
        $deadline = microtime(true) + self::WAIT_SECONDS;
        while (! $this->cache->repository()->add($key, true, self::CLAIM_SECONDS)) {
            abort_if(microtime(true) > $deadline, 503, 'A change of this user is being handled', ['Retry-After' => 5]);
            usleep(50_000);
        }
    }

    private function dispatchOnce(Change $change, ?string $id): bool
    {
        $cache = $this->cache->repository();
        $handledKey = 'presence:told:' . sha1((string) $id);
        $lastKey = 'presence:last:' . sha1($change->userKey);
        ['seq' => $lastSeq, 'event' => $lastEvent] = $cache->get($lastKey, ['seq' => 0, 'event' => null]);
        if ($change->seq <= $lastSeq || ($id !== null && $cache->has($handledKey))) {
            return false;
        }
        event($this->eventOf($change, $lastEvent));
        if ($id !== null) {
            $cache->put($handledKey, true, self::RETENTION_SECONDS);
        }
        $event = $change->event === 'heartbeat' ? $lastEvent : $change->event;
        $cache->put($lastKey, ['seq' => $change->seq, 'event' => $event], self::RETENTION_SECONDS);

        return true;
    }

    private function eventOf(Change $change, ?string $lastEvent): object
    {
        return match (true) {
            $change->event === 'away' => new UserWentAway($change->userId, $change->payload),
            $change->event === 'offline' => new UserWentOffline($change->userId, $change->payload),
            $change->event === 'online' && $lastEvent !== 'online'
                => new UserCameOnline($change->userId, $change->payload),
            default => new PresenceUpdated($change->userId, $change->event, $change->payload),
        };
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Support\CacheStore;

/**
 * Dispatches the events of webhooks and of change log entries. Delivery is at least once: duplicates are detected by
 * id, stale changes by seq. A change is marked as handled after its listeners have run, so a failed listener gets it
 * again with the next delivery attempt.
 */
final class WebhookHandler
{
    /** Longer than the sidecar's retry schedule and the retention of its change log. */
    private const RETENTION_SECONDS = 7 * 86400;

    public function __construct(private readonly CacheStore $cache, private readonly bool $broadcast)
    {
    }

    /**
     * Dispatches the event of a change unless it is a duplicate or stale.
     *
     * @param string|null $id id of the webhook's body
     * @return bool whether the event was dispatched
     */
    public function handle(Change $change, ?string $id = null): bool
    {
        $cache = $this->cache->repository();
        $handledKey = 'presence:told:' . sha1((string) $id);
        $lastKey = 'presence:last:' . sha1($change->userKey);
        ['seq' => $lastSeq, 'event' => $lastEvent] = $cache->get($lastKey, ['seq' => 0, 'event' => null]);
        if ($change->seq <= $lastSeq || ($id !== null && $cache->has($handledKey))) {
            return false;
        }
        $this->dispatch($change, $lastEvent);
        if ($id !== null) {
            $cache->put($handledKey, true, self::RETENTION_SECONDS);
        }
        $event = $change->event === 'heartbeat' ? $lastEvent : $change->event;
        $cache->put($lastKey, ['seq' => $change->seq, 'event' => $event], self::RETENTION_SECONDS);

        return true;
    }

    private function dispatch(Change $change, ?string $lastEvent): void
    {
        $event = match (true) {
            $change->event === 'away' => new UserWentAway($change->userId, $change->payload),
            $change->event === 'offline' => new UserWentOffline($change->userId, $change->payload),
            $change->event === 'online' && $lastEvent !== 'online'
                => new UserCameOnline($change->userId, $change->payload),
            default => new PresenceUpdated($change->userId, $change->event, $change->payload),
        };
        event($event);
        if ($this->broadcast) {
            event(PresenceBroadcast::onPublicChannel($change));
            event(PresenceBroadcast::onUserChannel($change));
        }
    }
}

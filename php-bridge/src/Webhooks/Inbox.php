<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Support\Store;

/**
 * Takes what the sidecar tells and passes on what is news. It may be told twice, or late: what came before is known by
 * its id, what is older than the last by its seq. Only what was passed on counts as come, so that a listener that fails
 * gets it again with the next attempt.
 */
final class Inbox
{
    /** Longer than the sidecar keeps trying, and than its change log reaches back. */
    private const REMEMBER_SECONDS = 7 * 86400;

    public function __construct(private readonly Store $store, private readonly bool $broadcast)
    {
    }

    /** Whether the change was news. */
    public function take(Change $change, ?string $id = null): bool
    {
        $store = $this->store->open();
        $told = 'presence:told:' . sha1((string) $id);
        $last = $store->get($this->lastKey($change), ['seq' => 0, 'event' => null]);
        if (($id !== null && $store->has($told)) || $this->isOld($change, $last['seq'])) {
            return false;
        }
        $this->dispatch($change, $last['event']);
        if ($id !== null) {
            $store->put($told, true, self::REMEMBER_SECONDS);
        }
        if ($change->event !== 'heartbeat') {
            $now = ['seq' => $change->seq, 'event' => $change->event];
            $store->put($this->lastKey($change), $now, self::REMEMBER_SECONDS);
        }

        return true;
    }

    /** Heartbeats are no transitions: they carry the seq of the last one. */
    private function isOld(Change $change, int $lastSeq): bool
    {
        return $change->event === 'heartbeat' ? $change->seq < $lastSeq : $change->seq <= $lastSeq;
    }

    private function dispatch(Change $change, ?string $before): void
    {
        $event = match (true) {
            $change->event === 'away' => new UserWentAway($change->userId, $change->payload),
            $change->event === 'offline' => new UserWentOffline($change->userId, $change->payload),
            $change->event === 'online' && $before !== 'online'
                => new UserCameOnline($change->userId, $change->payload),
            default => new PresenceUpdated($change->userId, $change->event, $change->payload),
        };
        event($event);
        if ($this->broadcast) {
            event(PresenceBroadcast::toEverybody($change));
            event(PresenceBroadcast::toTheUsersOwnChannel($change));
        }
    }

    private function lastKey(Change $change): string
    {
        return 'presence:last:' . sha1($change->subject);
    }
}

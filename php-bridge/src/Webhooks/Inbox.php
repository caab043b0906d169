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

    /**
     * Takes a change.
     *
     * @param string|null $id of the webhook's body
     * @return bool whether it was news
     */
    public function take(Change $change, ?string $id = null): bool
    {
        $store = $this->store->open();
        $told = 'presence:told:' . sha1((string) $id);
        $last = 'presence:last:' . sha1($change->subject);
        ['seq' => $seq, 'event' => $before] = $store->get($last, ['seq' => 0, 'event' => null]);
        if ($change->seq <= $seq || ($id !== null && $store->has($told))) {
            return false;
        }
        $this->dispatch($change, $before);
        if ($id !== null) {
            $store->put($told, true, self::REMEMBER_SECONDS);
        }
        $event = $change->event === 'heartbeat' ? $before : $change->event;
        $store->put($last, ['seq' => $change->seq, 'event' => $event], self::REMEMBER_SECONDS);

        return true;
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
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

use AesirCloud\Presence\Support\Key;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;

/** Dispatches the events that a call of this app causes. */
final class EventDispatcher
{
    /** @param bool $transitions false if transitions arrive by webhook, so that each is dispatched once */
    public function __construct(private readonly bool $transitions)
    {
    }

    /** Returns whether transitions are dispatched by the call that causes them. */
    public function announcesTransitions(): bool
    {
        return $this->transitions;
    }

    /** @param bool $cameOnline whether the user was offline before */
    public function dispatchOnline(Authenticatable $user, array $meta, bool $cameOnline): void
    {
        if (! $cameOnline) {
            $this->dispatchUpdated($user, 'online', $meta);
        } elseif ($this->transitions) {
            event(new UserCameOnline(Key::id($user), $this->payload($user, $meta)));
        }
    }

    public function dispatchHeartbeat(Authenticatable $user, array $meta): void
    {
        $this->dispatchUpdated($user, 'heartbeat', $meta);
    }

    public function dispatchAway(Authenticatable $user, array $meta): void
    {
        if ($this->transitions) {
            event(new UserWentAway(Key::id($user), $this->payload($user, $meta)));
        }
    }

    public function dispatchOffline(Authenticatable $user, array $meta): void
    {
        if ($this->transitions) {
            event(new UserWentOffline(Key::id($user), $this->payload($user, $meta)));
        }
    }

    private function dispatchUpdated(Authenticatable $user, string $type, array $meta): void
    {
        event(new PresenceUpdated(Key::id($user), $type, $this->payload($user, $meta)));
    }

    /** @return array<string, mixed> */
    private function payload(Authenticatable $user, array $meta): array
    {
        return ['user_id' => Key::id($user), 'occurred_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
    }
}

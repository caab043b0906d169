<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

use AesirCloud\Presence\Support\Key;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;

/** Tells the app's listeners at once what a call of its own did. */
final class Announcer
{
    /** @param bool $transitions false if the webhooks bring them, so that each is told once */
    public function __construct(private readonly bool $transitions)
    {
    }

    /** A user is online, and was not if `$came`. */
    public function online(Authenticatable $user, array $meta, bool $came): void
    {
        if (! $came) {
            $this->updated($user, 'online', $meta);
        } elseif ($this->transitions) {
            event(new UserCameOnline(Key::id($user), $this->payload($user, $meta)));
        }
    }

    /** A user gave a sign of life. */
    public function heartbeat(Authenticatable $user, array $meta): void
    {
        $this->updated($user, 'heartbeat', $meta);
    }

    /** A user has left. */
    public function offline(Authenticatable $user, array $meta): void
    {
        if ($this->transitions) {
            event(new UserWentOffline(Key::id($user), $this->payload($user, $meta)));
        }
    }

    private function updated(Authenticatable $user, string $type, array $meta): void
    {
        event(new PresenceUpdated(Key::id($user), $type, $this->payload($user, $meta)));
    }

    /** @return array<string, mixed> */
    private function payload(Authenticatable $user, array $meta): array
    {
        return ['user_id' => Key::id($user), 'occurred_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
    }
}

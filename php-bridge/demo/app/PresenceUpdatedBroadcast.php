<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Broadcasting\Channel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** Broadcasts the body of a webhook, for a receiver that the app implements itself. */
final class PresenceUpdatedBroadcast implements ShouldBroadcastNow
{
    public function __construct(public array $payload)
    {
    }

    /** @return list<Channel> for the package's live badge, and for pages written for the old package */
    public function broadcastOn(): array
    {
        return [new Channel('status.global'), new Channel('presence.global')];
    }

    public function broadcastAs(): string
    {
        return 'presence.updated';
    }

    public function broadcastWith(): array
    {
        return $this->payload;
    }
}

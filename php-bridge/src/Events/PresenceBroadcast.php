<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

use Illuminate\Broadcasting\Channel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** Broadcasts `presence.updated` to browsers with the app's broadcaster. */
final class PresenceBroadcast implements ShouldBroadcastNow
{
    /**
     * @param list<Channel> $channels
     * @param array<string, mixed> $payload
     */
    public function __construct(private readonly array $channels, private readonly array $payload)
    {
    }

    /** @return list<Channel> */
    public function broadcastOn(): array
    {
        return $this->channels;
    }

    public function broadcastAs(): string
    {
        return 'presence.updated';
    }

    /** @return array<string, mixed> */
    public function broadcastWith(): array
    {
        return $this->payload;
    }
}

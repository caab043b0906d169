<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

use AesirCloud\Presence\Webhooks\Change;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** Broadcasts `presence.updated` to browsers with the app's broadcaster. */
final class PresenceBroadcast implements ShouldBroadcastNow
{
    /** @param array<string, mixed> $payload */
    private function __construct(private readonly Channel $channel, private readonly array $payload)
    {
    }

    /** Broadcasts on the public channel presence.global, without the meta. */
    public static function onPublicChannel(Change $change): self
    {
        return new self(new Channel('presence.global'), $change->publicPayload());
    }

    /** Broadcasts the whole payload on the private channel presence.user.{id}, which the app authorizes. */
    public static function onUserChannel(Change $change): self
    {
        return new self(new PrivateChannel("presence.user.{$change->userId}"), $change->payload);
    }

    public function broadcastOn(): Channel
    {
        return $this->channel;
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

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

use AesirCloud\Presence\Webhooks\Change;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Illuminate\Contracts\Broadcasting\ShouldBroadcastNow;

/** Sends `presence.updated` to browsers, over whatever broadcaster the app has. */
final class PresenceBroadcast implements ShouldBroadcastNow
{
    /** @param array<string, mixed> $payload */
    private function __construct(private readonly Channel $channel, private readonly array $payload)
    {
    }

    /** On the public channel presence.global, without the meta. */
    public static function toEverybody(Change $change): self
    {
        return new self(new Channel('presence.global'), $change->forEverybody());
    }

    /** On the private channel presence.user.{id}, whom the app lets listen; with all that is known. */
    public static function toTheUsersOwnChannel(Change $change): self
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

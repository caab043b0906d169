<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

/** A user who was here already gave a sign of life. */
final class PresenceUpdated
{
    /**
     * @param string $type what it was: "online" or "heartbeat"
     * @param array<string, mixed> $payload user_id, occurred_at and meta; from a webhook, its whole body
     */
    public function __construct(
        public readonly int|string $userId,
        public readonly string $type,
        public readonly array $payload = []
    ) {
    }
}

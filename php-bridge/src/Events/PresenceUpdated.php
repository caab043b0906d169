<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

/** A user who was already present sent a heartbeat, or was marked online again. */
final class PresenceUpdated
{
    /** Why the sidecar recorded it, such as "ttl"; null for a call of this app itself. */
    public readonly ?string $cause;

    /**
     * @param string $type "online" or "heartbeat"
     * @param array<string, mixed> $payload user_id, occurred_at and meta; for a webhook, its whole body
     */
    public function __construct(
        public readonly int|string $userId,
        public readonly string $type,
        public readonly array $payload = []
    ) {
        $this->cause = $payload['cause'] ?? null;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

/** A user went offline, or sent no heartbeat within the TTL. */
final class UserWentOffline
{
    /** Why the sidecar recorded it, such as "ttl"; null for a call of this app itself. */
    public readonly ?string $cause;

    /** @param array<string, mixed> $payload user_id, occurred_at and meta; for a webhook, its whole body */
    public function __construct(public readonly int|string $userId, public readonly array $payload = [])
    {
        $this->cause = $payload['cause'] ?? null;
    }
}

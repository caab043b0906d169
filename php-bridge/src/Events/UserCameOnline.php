<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Events;

/** A user who was offline is here. */
final class UserCameOnline
{
    /** @param array<string, mixed> $payload user_id, occurred_at and meta; from a webhook, its whole body */
    public function __construct(public readonly int|string $userId, public readonly array $payload = [])
    {
    }
}

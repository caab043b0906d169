<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Support\Key;

/** A presence change of one user, from a webhook or the change log. */
final class Change
{
    /**
     * @param string $event "online", "away", "offline" or "heartbeat"
     * @param int $seq increases with each change of the user
     * @param string $userKey the key of the user in the scope
     * @param array<string, mixed> $payload the whole webhook body or log entry
     */
    private function __construct(
        public readonly int|string $userId,
        public readonly string $event,
        public readonly int $seq,
        public readonly string $userKey,
        public readonly array $payload
    ) {
    }

    /** Parses a webhook body or an entry of the change log. Returns null if it is not a change of a user. */
    public static function fromPayload(mixed $payload): ?self
    {
        $userId = $payload['user_id'] ?? null;
        $isUserId = is_int($userId) || is_string($userId);
        if (! is_array($payload) || ! $isUserId || ! is_string($payload['event'] ?? null)) {
            return null;
        }
        $userKey = Key::forUserId($userId, (array) ($payload['scope'] ?? []));

        return new self($userId, $payload['event'], (int) ($payload['seq'] ?? 0), $userKey, $payload);
    }

    /** Returns the payload for a public channel. Its meta contains the status alone: no IP address, no user agent. */
    public function publicPayload(): array
    {
        $publicKeys = ['user_id', 'occurred_at', 'id', 'event', 'status', 'seq', 'scope', 'cause'];
        $payload = array_intersect_key($this->payload, array_flip($publicKeys));

        return $payload + ['meta' => ['status' => $this->payload['status'] ?? $this->event]];
    }
}

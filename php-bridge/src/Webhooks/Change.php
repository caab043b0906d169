<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Support\Key;

/** One thing that happened to a user, as a webhook or the change log tells it. */
final class Change
{
    /**
     * @param string $event "online", "away", "offline" or "heartbeat"
     * @param int $seq rises with each change of the user
     * @param string $subject whose it is: the key of the user in the scope
     * @param array<string, mixed> $payload all that was told
     */
    private function __construct(
        public readonly int|string $userId,
        public readonly string $event,
        public readonly int $seq,
        public readonly string $subject,
        public readonly array $payload
    ) {
    }

    /** What a webhook's body or a line of the change log says; null if it speaks of no user. */
    public static function of(mixed $told): ?self
    {
        $userId = $told['user_id'] ?? null;
        if (! is_array($told) || ! (is_int($userId) || is_string($userId)) || ! is_string($told['event'] ?? null)) {
            return null;
        }
        $subject = Key::forUserId($userId, (array) ($told['scope'] ?? []));

        return new self($userId, $told['event'], (int) ($told['seq'] ?? 0), $subject, $told);
    }

    /** What is told to everybody: neither address nor user agent, nor whatever else the meta holds. */
    public function forEverybody(): array
    {
        $open = ['user_id', 'occurred_at', 'id', 'event', 'status', 'seq', 'scope'];
        $told = array_intersect_key($this->payload, array_flip($open));

        return $told + ['meta' => ['status' => $this->payload['status'] ?? $this->event]];
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Contracts;

use DateTimeInterface;
use Illuminate\Contracts\Auth\Authenticatable;

/**
 * Stores presence. An app may bind its own implementation.
 *
 * @phpstan-type Status array{
 *     status: 'online'|'away'|'offline',
 *     last_seen_at: DateTimeInterface|null,
 *     seconds_ago: int|null,
 *     meta: array<mixed>,
 * }
 */
interface PresenceRepository
{
    /** Records a heartbeat. */
    public function heartbeat(Authenticatable $user, array $meta = []): void;

    /** Marks a user as online. */
    public function setOnline(Authenticatable $user, array $meta = []): void;

    /** Marks a user as offline. */
    public function setOffline(Authenticatable $user, array $meta = []): void;

    /**
     * Returns the presence of a user; an unknown user is offline. The default scope is the resolver's.
     *
     * @return Status
     */
    public function status(int|string $userId, ?array $scope = null): array;

    /**
     * Returns the presence of each user, keyed by id.
     *
     * @return array<int|string, Status>
     */
    public function many(array $userIds, ?array $scope = null): array;
}

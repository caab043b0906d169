<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Contracts;

use DateTimeInterface;
use Illuminate\Contracts\Auth\Authenticatable;

/**
 * Where presence is kept. An app may bind an implementation of its own.
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
    /** Records a sign of life. */
    public function heartbeat(Authenticatable $user, array $meta = []): void;

    /** Announces a user as online. */
    public function setOnline(Authenticatable $user, array $meta = []): void;

    /** Ends a user's presence. */
    public function setOffline(Authenticatable $user, array $meta = []): void;

    /**
     * One user's presence; offline if nothing is known. Without a scope it is the resolver's.
     *
     * @return Status
     */
    public function status(int|string $userId, ?array $scope = null): array;

    /**
     * The presence of each of these users, by id.
     *
     * @return array<int|string, Status>
     */
    public function many(array $userIds, ?array $scope = null): array;
}

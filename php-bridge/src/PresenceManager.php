<?php

declare(strict_types=1);

namespace AesirCloud\Presence;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Drivers\SidecarPresenceRepository;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Contracts\Auth\Authenticatable;
use LogicException;

/**
 * What the facade Presence stands for.
 *
 * @phpstan-import-type Status from PresenceRepository
 */
class PresenceManager
{
    public function __construct(private readonly PresenceRepository $repository)
    {
    }

    /**
     * Records a sign of life.
     *
     * A repository of the app's own takes no notice of session, activity and time: its interface has none of them.
     *
     * @param string|null $session the tab or device; null is the browser of this request
     * @param bool $active false if the user is there, but idle
     * @param int|null $sentAt when it was sent, in milliseconds since 1970 by the clock of that tab or device: what was
     *                         sent no later than the session's end is left out
     */
    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true,
        ?int $sentAt = null
    ): void {
        $this->repository->heartbeat($user, $meta, $session, $active, $sentAt);
    }

    /** Announces a user as online. */
    public function online(Authenticatable $user, array $meta = []): void
    {
        $this->repository->setOnline($user, $meta);
    }

    /**
     * Ends a user's presence.
     *
     * @param string|null $session the tab or device that ends; null means all of them
     * @param int|null $sentAt when it was sent, as for heartbeats: those of that session that are older come too late
     */
    public function offline(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        ?int $sentAt = null
    ): void {
        $this->repository->setOffline($user, $meta, $session, $sentAt);
    }

    /**
     * One user's presence; offline if nothing is known.
     *
     * @return Status
     */
    public function status(int|string $userId, ?array $scope = null): array
    {
        return $this->repository->status($userId, $scope);
    }

    /**
     * The presence of each of these users, by id.
     *
     * @return array<int|string, Status>
     */
    public function many(array $userIds, ?array $scope = null): array
    {
        return $this->repository->many($userIds, $scope);
    }

    /**
     * The members of a scope, a page of them.
     *
     * @param string|null $status "online" or "away"; both if null
     * @param string|null $cursor next_cursor of the page before
     * @return array{data: list<array<string, mixed>>, next_cursor: string|null}
     */
    public function roster(
        ?array $scope = null,
        ?string $status = null,
        int $limit = 100,
        ?string $cursor = null
    ): array {
        return $this->sidecar()->roster($scope, $status, $limit, $cursor);
    }

    /**
     * How many members a scope has.
     *
     * @return array{online: int, away: int, present: int}
     */
    public function counts(?array $scope = null): array
    {
        return $this->sidecar()->counts($scope);
    }

    /**
     * A short-lived token with which a page may talk to the sidecar as this user.
     *
     * @param string|null $session the tab or device; null is the browser of this request
     * @param list<int|string> $watch the ids of the users whom the page may follow in the sidecar's stream
     */
    public function token(Authenticatable $user, ?string $session = null, array $watch = []): string
    {
        return app(UserTokens::class)->mint($user, $session, $watch);
    }

    private function sidecar(): SidecarPresenceRepository
    {
        if (! $this->repository instanceof SidecarPresenceRepository) {
            throw new LogicException('Rosters and counts need a sidecar: set PRESENCE_SIDECAR_URL.');
        }

        return $this->repository;
    }
}

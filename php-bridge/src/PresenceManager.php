<?php

declare(strict_types=1);

namespace AesirCloud\Presence;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Drivers\SidecarPresenceRepository;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Contracts\Auth\Authenticatable;
use LogicException;

/**
 * The class behind the facade Presence.
 *
 * @phpstan-import-type Status from PresenceRepository
 */
class PresenceManager
{
    public function __construct(private readonly PresenceRepository $repository)
    {
    }

    /**
     * Records a heartbeat.
     *
     * A custom repository ignores session, activity and time: the interface does not have them.
     *
     * @param string|null $session id of the tab or device; null means the browser session of this request
     * @param bool $active false if the user is present but idle
     * @param int|null $sentAt time of sending in milliseconds since 1970, by the clock of the tab or device; a
     *                         heartbeat sent no later than the end of its session has no effect
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

    /** Marks a user as online. */
    public function online(Authenticatable $user, array $meta = []): void
    {
        $this->repository->setOnline($user, $meta);
    }

    /**
     * Marks a user as offline, or ends one session.
     *
     * @param string|null $session id of the tab or device that ends; null ends all sessions of the user
     * @param int|null $sentAt time of sending, as for heartbeats; older heartbeats of that session have no effect
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
     * Returns the presence of a user; an unknown user is offline.
     *
     * @return Status
     */
    public function status(int|string $userId, ?array $scope = null): array
    {
        return $this->repository->status($userId, $scope);
    }

    /**
     * Returns the presence of each user, keyed by id.
     *
     * @return array<int|string, Status>
     */
    public function many(array $userIds, ?array $scope = null): array
    {
        return $this->repository->many($userIds, $scope);
    }

    /**
     * Returns a page of the members of a scope.
     *
     * @param string|null $status "online" or "away"; null means both
     * @param string|null $cursor next_cursor of the previous page
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
     * Returns the number of members of a scope by status.
     *
     * @return array{online: int, away: int, present: int}
     */
    public function counts(?array $scope = null): array
    {
        return $this->sidecar()->counts($scope);
    }

    /**
     * Returns a short-lived token with which a page can call the sidecar as this user.
     *
     * @param string|null $session id of the tab or device; null means the browser session of this request
     * @param list<int|string>|array{scope: true} $watch ids of the users that the page may follow in the sidecar's
     *     stream, or ['scope' => true] for all users of the user's own scope
     */
    public function token(Authenticatable $user, ?string $session = null, array $watch = []): string
    {
        return app(UserTokens::class)->mint($user, $session, $watch);
    }

    private function sidecar(): SidecarPresenceRepository
    {
        if (! $this->repository instanceof SidecarPresenceRepository) {
            throw new LogicException(
                'Rosters and counts require a sidecar: set PRESENCE_SIDECAR_URL or PRESENCE_SIDECAR_SOCKET.'
            );
        }

        return $this->repository;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Drivers;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Events\EventDispatcher;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\FailurePolicy;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use AesirCloud\Presence\Support\UserPresence;
use Illuminate\Contracts\Auth\Authenticatable;

/** Presence in the sidecar, with the app's cache as a fallback. */
final class SidecarPresenceRepository implements PresenceRepository
{
    private const MAX_USERS_PER_REQUEST = 1000;

    public function __construct(
        private readonly Client $client,
        private readonly FailurePolicy $policy,
        private readonly CachePresenceRepository $cache,
        private readonly EventDispatcher $events,
        private readonly BrowserSession $browser
    ) {
    }

    /**
     * @param string|null $session id of the tab or device; null means the browser session of this request
     * @param bool $active false if the user is present but idle
     * @param int|null $sentAt milliseconds by the clock of the tab or device
     */
    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true,
        ?int $sentAt = null
    ): void {
        $fields = ['session' => $session ?? $this->browser->id(), 'active' => $active, 'sent_at' => $sentAt];
        $response = $this->policy->attempt(
            fn (): array => $this->statusBefore($user, ! $active) + $this->post('heartbeat', $user, $meta, $fields),
            fn () => $this->cache->heartbeat($user, $meta, $session, $active)
        );
        // Offline after a heartbeat means that it was stale: its session had ended already, so it had no effect.
        if ($response !== null && ($response['status'] ?? null) !== 'offline') {
            $this->dispatchOnline($user, $meta, $response);
            $this->dispatchAway($user, $meta, $response);
            $this->events->dispatchHeartbeat($user, $meta);
        }
    }

    public function setOnline(Authenticatable $user, array $meta = []): void
    {
        $response = $this->policy->attempt(
            fn (): array => $this->post('online', $user, $meta, ['session' => $this->browser->id()]),
            fn () => $this->cache->setOnline($user, $meta)
        );
        if ($response !== null) {
            $this->dispatchOnline($user, $meta, $response);
        }
    }

    /**
     * @param string|null $session id of the tab or device that ends; null ends all sessions of the user
     * @param int|null $sentAt milliseconds by the clock of the tab or device
     */
    public function setOffline(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        ?int $sentAt = null
    ): void {
        $fields = ['session' => $session, 'sent_at' => $sentAt];
        $response = $this->policy->attempt(
            fn (): array => $this->statusBefore($user, $session !== null)
                + $this->post('offline', $user, $meta, $fields),
            fn () => $this->cache->setOffline($user, $meta)
        );
        if ($response === null) {
            return;
        }
        if ($session === null || ($response['transition'] ?? null) === 'went_offline') {
            $this->events->dispatchOffline($user, $meta);
        }
        $this->dispatchAway($user, $meta, $response);
    }

    public function status(int|string $userId, ?array $scope = null): array
    {
        return $this->many([$userId], $scope)[$userId];
    }

    public function many(array $userIds, ?array $scope = null): array
    {
        $scope = Scope::complete($scope);

        return $this->policy->attempt(
            fn (): array => $this->fetchMany($userIds, $scope),
            fn (): array => $this->cache->many($userIds, $scope),
            array_map(fn (): array => UserPresence::offline()->toArray(), array_flip($userIds))
        );
    }

    /**
     * Returns a page of the members of a scope.
     *
     * @param string|null $status "online" or "away"; null means both
     * @return array{data: list<array<string, mixed>>, next_cursor: string|null}
     */
    public function roster(?array $scope, ?string $status, int $limit, ?string $cursor): array
    {
        $query = ['status' => $status, 'limit' => $limit, 'cursor' => $cursor] + Scope::complete($scope);

        return $this->policy->attempt(
            fn (): array => $this->parseRoster($this->client->get('/api/v1/presence/roster', $query)),
            fn (): array => $this->parseRoster([]),
            $this->parseRoster([])
        );
    }

    /**
     * Returns the number of members of a scope by status.
     *
     * @return array{online: int, away: int, present: int}
     */
    public function counts(?array $scope): array
    {
        $empty = ['online' => 0, 'away' => 0, 'present' => 0];

        return $this->policy->attempt(
            fn (): array => $this->client->get('/api/v1/presence/counts', Scope::complete($scope)),
            fn (): array => $empty,
            $empty
        );
    }

    /** @param array<string, mixed> $fields */
    private function post(string $operation, Authenticatable $user, array $meta, array $fields): array
    {
        $body = ['user_id' => Key::id($user), 'meta' => $meta, 'scope' => Scope::complete()] + $fields;

        return $this->client->post("/api/v1/presence/{$operation}", $body);
    }

    /**
     * Returns the member `before` for a response, the user's status before the call. A response does not say whether
     * the user became away, so calls that can cause this need it, if this app dispatches transitions itself.
     *
     * @return array{before?: string}
     */
    private function statusBefore(Authenticatable $user, bool $canBecomeAway): array
    {
        if (! $canBecomeAway || ! $this->events->announcesTransitions()) {
            return [];
        }
        $id = Key::id($user);

        return ['before' => $this->fetchMany([$id], Scope::complete())[$id]['status']];
    }

    private function dispatchAway(Authenticatable $user, array $meta, array $response): void
    {
        if (($response['before'] ?? null) === 'online' && ($response['status'] ?? null) === 'away') {
            $this->events->dispatchAway($user, $meta);
        }
    }

    private function dispatchOnline(Authenticatable $user, array $meta, array $response): void
    {
        $cameOnline = ($response['transition'] ?? null) === 'came_online';
        if ($cameOnline || ($response['status'] ?? null) === 'online') {
            $this->events->dispatchOnline($user, $meta, $cameOnline);
        }
    }

    private function fetchMany(array $userIds, array $scope): array
    {
        $presences = [];
        foreach (array_chunk(array_values($userIds), self::MAX_USERS_PER_REQUEST) as $batch) {
            $response = $this->client->post('/api/v1/presence/many', ['user_ids' => $batch, 'scope' => $scope]);
            foreach ($batch as $id) {
                $presences[$id] = UserPresence::fromResponse((array) ($response[$id] ?? []))->toArray();
            }
        }

        return $presences;
    }

    private function parseRoster(array $page): array
    {
        $parseMember = fn (array $member): array => array_merge(
            $member,
            UserPresence::fromResponse($member)->toArray(),
            ['last_online_at' => UserPresence::parseDate($member['last_online_at'] ?? null)]
        );

        return ['data' => array_map($parseMember, $page['data'] ?? []), 'next_cursor' => $page['next_cursor'] ?? null];
    }
}

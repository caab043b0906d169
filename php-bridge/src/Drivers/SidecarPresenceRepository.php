<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Drivers;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Events\Announcer;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\FailurePolicy;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use AesirCloud\Presence\Support\Status;
use Illuminate\Contracts\Auth\Authenticatable;

/** Presence as the sidecar keeps it, with the cache to stand in for it. */
final class SidecarPresenceRepository implements PresenceRepository
{
    /** Most users in one question. */
    private const AT_ONCE = 1000;

    public function __construct(
        private readonly Client $client,
        private readonly FailurePolicy $policy,
        private readonly CachePresenceRepository $cache,
        private readonly Announcer $announcer,
        private readonly BrowserSession $browser
    ) {
    }

    /**
     * @param string|null $session the tab or device; null is the browser of this request
     * @param bool $active false if the user is there, but idle
     * @param int|null $sentAt milliseconds by the clock of the tab or device
     */
    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true,
        ?int $sentAt = null
    ): void {
        $beat = ['session' => $session ?? $this->browser->name(), 'active' => $active, 'sent_at' => $sentAt];
        $answer = $this->policy->attempt(
            fn (): array => $this->tell('heartbeat', $user, $meta, $beat),
            fn () => $this->cache->heartbeat($user, $meta, $session, $active)
        );
        // Offline after a heartbeat: the session's end has overtaken it, so that it was left out.
        if ($answer !== null && ($answer['status'] ?? null) !== 'offline') {
            $this->announceOnline($user, $meta, $answer);
            $this->announcer->heartbeat($user, $meta);
        }
    }

    public function setOnline(Authenticatable $user, array $meta = []): void
    {
        $answer = $this->policy->attempt(
            fn (): array => $this->tell('online', $user, $meta, ['session' => $this->browser->name()]),
            fn () => $this->cache->setOnline($user, $meta)
        );
        if ($answer !== null) {
            $this->announceOnline($user, $meta, $answer);
        }
    }

    /**
     * @param string|null $session the tab or device that ends; null means all of them
     * @param int|null $sentAt milliseconds by the clock of the tab or device
     */
    public function setOffline(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        ?int $sentAt = null
    ): void {
        $answer = $this->policy->attempt(
            fn (): array => $this->tell('offline', $user, $meta, ['session' => $session, 'sent_at' => $sentAt]),
            fn () => $this->cache->setOffline($user, $meta)
        );
        if ($answer !== null && ($session === null || ($answer['transition'] ?? null) === 'went_offline')) {
            $this->announcer->offline($user, $meta);
        }
    }

    public function status(int|string $userId, ?array $scope = null): array
    {
        return $this->many([$userId], $scope)[$userId];
    }

    public function many(array $userIds, ?array $scope = null): array
    {
        $scope = Scope::complete($scope);

        return $this->policy->attempt(
            fn (): array => $this->ask($userIds, $scope),
            fn (): array => $this->cache->many($userIds, $scope),
            array_map(fn (): array => Status::unseen(), array_flip($userIds))
        );
    }

    /**
     * The members of a scope, a page of them.
     *
     * @param string|null $status "online" or "away"; both if null
     * @return array{data: list<array<string, mixed>>, next_cursor: string|null}
     */
    public function roster(?array $scope, ?string $status, int $limit, ?string $cursor): array
    {
        $query = ['status' => $status, 'limit' => $limit, 'cursor' => $cursor] + Scope::complete($scope);

        return $this->policy->attempt(
            fn (): array => $this->members($this->client->get('/api/v1/presence/roster', $query)),
            fn (): array => $this->members([]),
            $this->members([])
        );
    }

    /**
     * How many members a scope has.
     *
     * @return array{online: int, away: int, present: int}
     */
    public function counts(?array $scope): array
    {
        $none = ['online' => 0, 'away' => 0, 'present' => 0];

        return $this->policy->attempt(
            fn (): array => $this->client->get('/api/v1/presence/counts', Scope::complete($scope)),
            fn (): array => $none,
            $none
        );
    }

    /** @param array<string, mixed> $more */
    private function tell(string $what, Authenticatable $user, array $meta, array $more): array
    {
        $body = ['user_id' => Key::id($user), 'meta' => $meta, 'scope' => Scope::complete()] + $more;

        return $this->client->post("/api/v1/presence/{$what}", $body);
    }

    private function announceOnline(Authenticatable $user, array $meta, array $answer): void
    {
        $came = ($answer['transition'] ?? null) === 'came_online';
        if ($came || ($answer['status'] ?? null) === 'online') {
            $this->announcer->online($user, $meta, $came);
        }
    }

    private function ask(array $userIds, array $scope): array
    {
        $statuses = [];
        foreach (array_chunk(array_values($userIds), self::AT_ONCE) as $some) {
            $answer = $this->client->post('/api/v1/presence/many', ['user_ids' => $some, 'scope' => $scope]);
            foreach ($some as $id) {
                $statuses[$id] = isset($answer[$id]['status']) ? Status::answered($answer[$id]) : Status::unseen();
            }
        }

        return $statuses;
    }

    private function members(array $page): array
    {
        $dated = fn (array $member): array => array_merge($member, Status::answered($member), [
            'last_online_at' => Status::date($member['last_online_at'] ?? null),
        ]);

        return ['data' => array_map($dated, $page['data'] ?? []), 'next_cursor' => $page['next_cursor'] ?? null];
    }
}

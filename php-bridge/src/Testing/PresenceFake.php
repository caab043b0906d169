<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Testing;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Status;
use AesirCloud\Presence\Support\UserPresence;
use DateTimeInterface;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use PHPUnit\Framework\Assert;

/**
 * In-memory presence for the tests of apps. It uses no sidecar and no cache, dispatches no events, ignores scopes. Its
 * clock is Carbon's, so a test that travels in time sees users become away and offline.
 */
final class PresenceFake extends PresenceManager implements PresenceRepository
{
    /** @var array<int|string, array{status: Status, last_seen_at: Carbon, meta: array}> */
    private array $users = [];

    /** @var list<array{user: int|string, meta: array, active: bool}> */
    private array $heartbeats = [];

    private bool $hasRecorded = false;

    /** @param array<int|string, string|DateTimeInterface> $statuses statuses, or times of the last heartbeat */
    public function __construct(array $statuses = [])
    {
        foreach ($statuses as $id => $status) {
            $isTime = $status instanceof DateTimeInterface;
            $this->put($id, $isTime ? Status::Online : Status::from($status), [], $isTime ? $status : null);
        }
    }

    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true,
        ?int $sentAt = null
    ): void {
        $this->heartbeats[] = ['user' => Key::id($user), 'meta' => $meta, 'active' => $active];
        $this->record($user, $active ? Status::Online : Status::Away, $meta);
    }

    public function online(Authenticatable $user, array $meta = []): void
    {
        $this->record($user, Status::Online, $meta);
    }

    public function offline(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        ?int $sentAt = null
    ): void {
        $this->record($user, Status::Offline, $meta);
    }

    public function setOnline(Authenticatable $user, array $meta = []): void
    {
        $this->online($user, $meta);
    }

    public function setOffline(Authenticatable $user, array $meta = []): void
    {
        $this->offline($user, $meta);
    }

    public function status(int|string $userId, ?array $scope = null): array
    {
        $user = $this->users[$userId] ?? null;
        if ($user === null || $user['status'] === Status::Offline) {
            return UserPresence::offline()->toArray();
        }
        $secondsAgo = abs(Carbon::now()->getTimestamp() - $user['last_seen_at']->getTimestamp());
        $status = match (true) {
            $secondsAgo >= (int) config('presence.cache.ttl_seconds') => Status::Offline,
            $secondsAgo >= (int) config('presence.cache.away_after_seconds') => Status::Away,
            default => $user['status'],
        };

        return $status === Status::Offline
            ? UserPresence::offline()->toArray()
            : UserPresence::make($status, $user['last_seen_at'], $secondsAgo, $user['meta'])->toArray();
    }

    public function many(array $userIds, ?array $scope = null): array
    {
        $statuses = [];
        foreach ($userIds as $id) {
            $statuses[$id] = $this->status($id);
        }

        return $statuses;
    }

    public function roster(
        ?array $scope = null,
        ?string $status = null,
        int $limit = 100,
        ?string $cursor = null
    ): array {
        $members = [];
        foreach ($this->many(array_keys($this->users)) as $id => $presence) {
            if ($presence['status'] !== 'offline' && in_array($status, [null, $presence['status']], true)) {
                $members[] = ['user_id' => $id] + $presence + ['last_online_at' => null, 'sessions' => []];
            }
        }

        return ['data' => array_slice($members, 0, $limit), 'next_cursor' => null];
    }

    public function counts(?array $scope = null): array
    {
        $count = fn (string $status): int => count($this->roster(null, $status, PHP_INT_MAX)['data']);
        [$online, $away] = [$count('online'), $count('away')];

        return ['online' => $online, 'away' => $away, 'present' => $online + $away];
    }

    public function token(Authenticatable $user, ?string $session = null, array $watch = []): string
    {
        return 'token-of-' . Key::id($user);
    }

    /**
     * Asserts that a heartbeat of the user was recorded for which `$matches($meta, $active)` is true.
     *
     * @param callable(array, bool): bool|null $matches
     */
    public function assertHeartbeat(Authenticatable|int|string $user, ?callable $matches = null): void
    {
        $id = $user instanceof Authenticatable ? Key::id($user) : $user;
        $matching = array_filter(
            $this->heartbeats,
            fn (array $heartbeat): bool => (string) $heartbeat['user'] === (string) $id
                && ($matches === null || $matches($heartbeat['meta'], $heartbeat['active']))
        );
        Assert::assertNotEmpty($matching, "No matching heartbeat of user {$id} was recorded.");
    }

    public function assertOnline(Authenticatable|int|string $user): void
    {
        $this->assertStatus('online', $user);
    }

    public function assertAway(Authenticatable|int|string $user): void
    {
        $this->assertStatus('away', $user);
    }

    public function assertOffline(Authenticatable|int|string $user): void
    {
        $this->assertStatus('offline', $user);
    }

    /** Asserts that no heartbeat, online or offline call was made. */
    public function assertNothingRecorded(): void
    {
        Assert::assertFalse($this->hasRecorded, 'Presence was recorded.');
    }

    private function assertStatus(string $status, Authenticatable|int|string $user): void
    {
        $id = $user instanceof Authenticatable ? Key::id($user) : $user;
        Assert::assertSame($status, $this->status($id)['status'], "User {$id} has a different status.");
    }

    private function record(Authenticatable $user, Status $status, array $meta): void
    {
        $this->hasRecorded = true;
        $this->put(Key::id($user), $status, $meta);
    }

    private function put(int|string $id, Status $status, array $meta, ?DateTimeInterface $lastSeenAt = null): void
    {
        $this->users[$id] = [
            'status' => $status,
            'last_seen_at' => Carbon::instance($lastSeenAt ?? Carbon::now()),
            'meta' => $meta,
        ];
    }
}

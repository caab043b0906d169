<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Testing;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Status;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use PHPUnit\Framework\Assert;

/** Presence in memory, for the tests of apps: no sidecar, no cache, no events, one scope. */
final class PresenceFake extends PresenceManager implements PresenceRepository
{
    /** @var array<int|string, array{status: string, seen: Carbon|null, meta: array}> */
    private array $users = [];

    /** @var list<array{user: int|string, meta: array, active: bool}> */
    private array $heartbeats = [];

    private bool $isUntouched = true;

    /** @param array<int|string, string> $statuses */
    public function __construct(array $statuses = [])
    {
        foreach ($statuses as $id => $status) {
            $this->put($id, $status, []);
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
        $this->change($user, $active ? 'online' : 'away', $meta);
    }

    public function online(Authenticatable $user, array $meta = []): void
    {
        $this->change($user, 'online', $meta);
    }

    public function offline(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        ?int $sentAt = null
    ): void {
        $this->change($user, 'offline', $meta);
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
        $user = $this->users[$userId] ?? ['status' => 'offline'];
        if ($user['status'] === 'offline') {
            return Status::unseen();
        }
        $elapsed = abs(Carbon::now()->getTimestamp() - $user['seen']->getTimestamp());

        return Status::seen($user['status'], $user['seen'], $elapsed, $user['meta']);
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
     * That a user's heartbeat was recorded, with a meta of which `$matches($meta, $active)` is true.
     *
     * @param callable(array, bool): bool|null $matches
     */
    public function assertHeartbeat(Authenticatable|int|string $user, ?callable $matches = null): void
    {
        $id = $user instanceof Authenticatable ? Key::id($user) : $user;
        $found = array_filter(
            $this->heartbeats,
            fn (array $beat): bool => (string) $beat['user'] === (string) $id
                && ($matches === null || $matches($beat['meta'], $beat['active']))
        );
        Assert::assertNotEmpty($found, "No such heartbeat of user {$id} was recorded.");
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

    /** That nobody's presence was touched. */
    public function assertNothingRecorded(): void
    {
        Assert::assertTrue($this->isUntouched, 'Presence was recorded.');
    }

    private function assertStatus(string $status, Authenticatable|int|string $user): void
    {
        $id = $user instanceof Authenticatable ? Key::id($user) : $user;
        Assert::assertSame($status, $this->status($id)['status'], "The presence of user {$id} is another.");
    }

    private function change(Authenticatable $user, string $status, array $meta): void
    {
        $this->isUntouched = false;
        $this->put(Key::id($user), $status, $meta);
    }

    private function put(int|string $id, string $status, array $meta): void
    {
        $this->users[$id] = ['status' => $status, 'seen' => Carbon::now(), 'meta' => $meta];
    }
}

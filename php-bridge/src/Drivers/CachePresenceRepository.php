<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Drivers;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Events\EventDispatcher;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use AesirCloud\Presence\Support\Status;
use AesirCloud\Presence\Support\UserPresence;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use Throwable;

/**
 * Presence in the app's cache: one record per user, with the TTL as its lifetime. The sidecar reads and writes the same
 * records, so this repository can take over from it at any time.
 */
final class CachePresenceRepository implements PresenceRepository
{
    public function __construct(
        private readonly CacheStore $cache,
        private readonly EventDispatcher $events,
        private readonly int $ttlSeconds,
        private readonly int $awayAfterSeconds
    ) {
    }

    /** @param string|null $session ignored: without a sidecar there are no sessions */
    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true
    ): void {
        $this->writeRecord($user, $meta, $active);
        $this->events->dispatchHeartbeat($user, $meta);
    }

    public function setOnline(Authenticatable $user, array $meta = []): void
    {
        $this->writeRecord($user, $meta);
    }

    public function setOffline(Authenticatable $user, array $meta = []): void
    {
        $this->cache->repository()->forget(Key::for($user));
        $this->events->dispatchOffline($user, $meta);
    }

    public function status(int|string $userId, ?array $scope = null): array
    {
        return $this->many([$userId], $scope)[$userId];
    }

    public function many(array $userIds, ?array $scope = null): array
    {
        $scope ??= Scope::current();
        $keys = [];
        foreach ($userIds as $id) {
            $keys[$id] = Key::forUserId($id, $scope);
        }
        $records = $keys === [] ? [] : $this->cache->repository()->getMultiple(array_values($keys));

        return array_map(fn (string $key): array => $this->readRecord($records[$key] ?? null)->toArray(), $keys);
    }

    private function writeRecord(Authenticatable $user, array $meta, bool $active = true): void
    {
        $key = Key::for($user);
        $cache = $this->cache->repository();
        $before = $cache->get($key);
        $record = ['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
        $cache->put($key, $active ? $record : $record + ['idle' => true], $this->ttlSeconds);
        if ($active || ! $before) {
            $this->events->dispatchOnline($user, $meta, ! $before);
        } elseif ($this->readRecord($before)->status === Status::Online) {
            $this->events->dispatchAway($user, $meta);
        }
    }

    /** Reads a record. A value that is not a valid record means offline. */
    private function readRecord(mixed $record): UserPresence
    {
        $isRecord = is_array($record) && array_key_exists('last_seen_at', $record);
        $lastSeenAt = $isRecord ? $this->parseDate($record['last_seen_at']) : null;
        if ($lastSeenAt === null) {
            return UserPresence::offline();
        }
        $secondsAgo = self::secondsBetween($lastSeenAt, Carbon::now());
        $isIdle = ($record['idle'] ?? false) === true;
        $status = match (true) {
            $secondsAgo >= $this->ttlSeconds => Status::Offline,
            $isIdle || $secondsAgo >= $this->awayAfterSeconds => Status::Away,
            default => Status::Online,
        };

        return UserPresence::make($status, $lastSeenAt, $secondsAgo, $record['meta'] ?? []);
    }

    private function parseDate(mixed $value): ?Carbon
    {
        try {
            return Carbon::parse($value);
        } catch (Throwable) {
            return null;
        }
    }

    /** Returns the absolute difference in whole seconds. Carbon's own difference is signed since version 3. */
    private static function secondsBetween(Carbon $one, Carbon $other): int
    {
        return intdiv(abs((int) $other->getPreciseTimestamp() - (int) $one->getPreciseTimestamp()), 1_000_000);
    }
}

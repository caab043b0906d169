<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Drivers;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Events\Announcer;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use AesirCloud\Presence\Support\Status;
use AesirCloud\Presence\Support\Store;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use Throwable;

/**
 * Presence in the app's cache: one record per user that lives for the TTL. The sidecar reads and writes the same
 * records, so this one can stand in for it at any moment.
 */
final class CachePresenceRepository implements PresenceRepository
{
    public function __construct(
        private readonly Store $store,
        private readonly Announcer $announcer,
        private readonly int $ttlSeconds,
        private readonly int $awayAfterSeconds
    ) {
    }

    /** @param string|null $session of no use here, where users are told apart but not their tabs */
    public function heartbeat(
        Authenticatable $user,
        array $meta = [],
        ?string $session = null,
        bool $active = true
    ): void {
        $this->record($user, $meta, $active);
        $this->announcer->heartbeat($user, $meta);
    }

    public function setOnline(Authenticatable $user, array $meta = []): void
    {
        $this->record($user, $meta);
    }

    public function setOffline(Authenticatable $user, array $meta = []): void
    {
        $this->store->open()->forget(Key::for($user));
        $this->announcer->offline($user, $meta);
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
        $records = $keys === [] ? [] : $this->store->open()->getMultiple(array_values($keys));

        return array_map(fn (string $key): array => $this->read($records[$key] ?? null), $keys);
    }

    private function record(Authenticatable $user, array $meta, bool $active = true): void
    {
        $key = Key::for($user);
        $store = $this->store->open();
        $came = ! $store->get($key);
        $record = ['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
        $store->put($key, $active ? $record : $record + ['idle' => true], $this->ttlSeconds);
        $this->announcer->online($user, $meta, $came);
    }

    /** What a record says. What is no record says nothing. */
    private function read(mixed $record): array
    {
        $isRecord = is_array($record) && array_key_exists('last_seen_at', $record);
        $seen = $isRecord ? $this->time($record['last_seen_at']) : null;
        if ($seen === null) {
            return Status::unseen();
        }
        $elapsed = self::secondsBetween($seen, Carbon::now());
        $isIdle = ($record['idle'] ?? false) === true;
        $status = match (true) {
            $elapsed >= $this->ttlSeconds => 'offline',
            $isIdle || $elapsed >= $this->awayAfterSeconds => 'away',
            default => 'online',
        };

        return Status::seen($status, $seen, $elapsed, $record['meta'] ?? []);
    }

    private function time(mixed $value): ?Carbon
    {
        try {
            return Carbon::parse($value);
        } catch (Throwable) {
            return null;
        }
    }

    /** Whole seconds without a sign. Carbon's own difference has one since its version 3. */
    private static function secondsBetween(Carbon $one, Carbon $other): int
    {
        return intdiv(abs((int) $other->getPreciseTimestamp() - (int) $one->getPreciseTimestamp()), 1_000_000);
    }
}

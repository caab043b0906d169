<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Facades;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Str;

/** Reads and writes the records of the old package. */
final class Presence
{
    public static function heartbeat(Authenticatable $user, array $meta = []): void
    {
        $record = ['last_seen_at' => now()->toIso8601String(), 'meta' => $meta];
        Cache::put(self::key($user->getAuthIdentifier()), $record, config('presence.cache.ttl_seconds'));
    }

    /** @return array<string, mixed> */
    public static function status(int $id): array
    {
        $record = Cache::get(self::key($id));

        return $record ? ['status' => 'online'] + $record : ['status' => 'offline', 'meta' => []];
    }

    private static function key(int $id): string
    {
        return Str::snake("presence|guard:web|user:{$id}");
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Carbon;
use Illuminate\Support\Str;

/** Writes test records to the app's cache and reads them back through the sidecar. */
final class Probe
{
    /** A separate scope, so that a probe never collides with a real user. */
    public const SCOPE = ['guard' => 'presence-doctor'];

    /** Contains a non-ASCII character to reveal differences in serialization. */
    public const META = ['from' => 'doctor', 'sign' => '✓', 'nested' => ['number' => 1]];

    private const TTL_SECONDS = 60;

    public function __construct(private readonly CacheStore $cache, private readonly Client $client)
    {
    }

    /**
     * Returns the sidecar's response for a test user who was last seen `$age` seconds ago.
     *
     * @return array<string, mixed>
     */
    public function fetchPresence(int $age): array
    {
        $user = $this->writeRecord($age);
        try {
            $query = ['user_ids' => [$user], 'scope' => self::SCOPE];

            return $this->client->post('/api/v1/presence/many', $query)[$user] ?? [];
        } finally {
            $this->cache->repository()->forget(Key::forUserId($user, self::SCOPE));
        }
    }

    /** Writes the record of a test user who was last seen `$age` seconds ago, and returns the user's id. */
    public function writeRecord(int $age): string
    {
        $user = 'probe-' . Str::lower(Str::random(12));
        $record = ['last_seen_at' => Carbon::now()->subSeconds($age)->toIso8601String(), 'meta' => self::META];
        $this->cache->repository()->put(Key::forUserId($user, self::SCOPE), $record, self::TTL_SECONDS);

        return $user;
    }
}

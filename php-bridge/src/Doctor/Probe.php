<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Store;
use Illuminate\Support\Carbon;
use Illuminate\Support\Str;

/** Gives the app's cache a presence record and asks the sidecar what it makes of it. */
final class Probe
{
    /** A scope of its own, so that no user can be meant. */
    public const SCOPE = ['guard' => 'presence-doctor'];

    /** What the records say, beyond ASCII so that it shows who serializes how. */
    public const META = ['from' => 'doctor', 'sign' => '✓', 'nested' => ['number' => 1]];

    private const LIVES_SECONDS = 60;

    public function __construct(private readonly Store $store, private readonly Client $client)
    {
    }

    /**
     * The sidecar's answer for somebody whom the app has last seen `$age` seconds ago.
     *
     * @return array<string, mixed>
     */
    public function ask(int $age): array
    {
        $user = $this->leave($age);
        try {
            $question = ['user_ids' => [$user], 'scope' => self::SCOPE];

            return $this->client->post('/api/v1/presence/many', $question)[$user] ?? [];
        } finally {
            $this->store->open()->forget(Key::forUserId($user, self::SCOPE));
        }
    }

    /** Somebody whom the app has last seen `$age` seconds ago, for a minute. */
    public function leave(int $age): string
    {
        $user = 'probe-' . Str::lower(Str::random(12));
        $record = ['last_seen_at' => Carbon::now()->subSeconds($age)->toIso8601String(), 'meta' => self::META];
        $this->store->open()->put(Key::forUserId($user, self::SCOPE), $record, self::LIVES_SECONDS);

        return $user;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Drivers\CachePresenceRepository;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Event;

/** Compares this package, without a sidecar, with test vectors recorded from aesircloud/laravel-presence. */
final class RecordedVectorsTest extends TestCase
{
    protected array $config = ['presence.sidecar.url' => null];

    private static function cases(string $file): array
    {
        $json = (string) file_get_contents(__DIR__ . "/../../tests/vectors/{$file}.json");

        return json_decode($json, true, flags: JSON_THROW_ON_ERROR)['cases'];
    }

    protected function tearDown(): void
    {
        Carbon::setTestNow();
        date_default_timezone_set('UTC');
        parent::tearDown();
    }

    public function test_keys_match_vectors(): void
    {
        foreach (self::cases('presence-keys') as $case) {
            $key = Key::forUserId($case['user_id'], $case['scope']);
            self::assertSame(base64_decode($case['key']['base64']), $key, $case['name']);
        }
    }

    public function test_record_reads_match_vectors_and_invalid_records_are_offline(): void
    {
        $raw = self::redis()->client(1);
        $key = self::redisKey("presence|guard:web|user:{$this->id}");
        $repository = $this->app->make(CachePresenceRepository::class);
        foreach (self::cases('presence-reads') as $case) {
            if (! array_key_exists('php_status_json', $case) || str_ends_with($case['name'], ':garbage')) {
                continue; // Laravel itself fails on values that are not serialized PHP.
            }
            $lastSeenAt = Carbon::parse($case['seen_at'] ?? '2026-03-04T05:06:07+00:00');
            Carbon::setTestNow($case['now'] ?? $lastSeenAt->copy()->addSeconds($case['age_seconds']));
            $stored = ['last_seen_at' => $lastSeenAt->toIso8601String(), 'meta' => []];
            $raw->set($key, $case['stored'] ?? serialize($stored));
            $offline = '{"status":"offline","last_seen_at":null,"seconds_ago":null,"meta":[]}';
            $status = json_encode($repository->status($this->id));
            self::assertSame($case['php_status_json'] ?? $offline, $status, $case['name']);
        }
        $raw->del($key);
    }

    public function test_heartbeat_writes_recorded_value_and_dispatches_recorded_events(): void
    {
        $raw = self::redis()->client(1);
        $key = self::redisKey("presence|guard:web|user:{$this->id}");
        $repository = $this->app->make(CachePresenceRepository::class);
        Event::fake([UserCameOnline::class, PresenceUpdated::class]);
        foreach (self::cases('presence-values') as $case) {
            $bytes = base64_decode($case['redis_value']['base64']);
            if (! isset($case['meta_json']) || preg_match('/;O:|C:/', $bytes) || ! mb_check_encoding($bytes, 'UTF-8')) {
                continue; // Values that JSON cannot represent.
            }
            $zone = str_starts_with($case['name'], 'timezone:') ? substr($case['name'], 9) : 'UTC';
            date_default_timezone_set($zone);
            Carbon::setTestNow($case['now']);
            $raw->del($key);
            $repository->heartbeat($this->user(), $case['meta_json']);
            $stored = $raw->get($key);
            self::assertEquals(unserialize($bytes), unserialize($stored), $case['name']);
            self::assertSame(120, $raw->ttl($key));
            $status = json_decode((string) json_encode($repository->status($this->id)), true);
            $recorded = $case['status_json'];
            self::assertEquals(is_string($recorded) ? json_decode($recorded, true) : $recorded, $status, $case['name']);
        }
        Event::assertDispatched(UserCameOnline::class);
        $isHeartbeat = fn (PresenceUpdated $event): bool => $event->type === 'heartbeat';
        Event::assertDispatched(PresenceUpdated::class, $isHeartbeat);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Facades;

use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Testing\PresenceFake;
use DateTimeInterface;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Facades\Facade;

/**
 * @method static void heartbeat(Authenticatable $user, array $meta = [], ?string $session = null, bool $active = true,
 *     ?int $sentAt = null)
 * @method static void online(Authenticatable $user, array $meta = [])
 * @method static void offline(Authenticatable $user, array $meta = [], ?string $session = null, ?int $sentAt = null)
 * @method static array status(int|string $userId, ?array $scope = null)
 * @method static array many(array $userIds, ?array $scope = null)
 * @method static array roster(?array $scope = null, ?string $status = null, int $limit = 100, ?string $cursor = null)
 * @method static array counts(?array $scope = null)
 * @method static string token(Authenticatable $user, ?string $session = null, array $watch = [])
 * @method static void assertHeartbeat(Authenticatable|int|string $user, ?callable $matches = null)
 * @method static void assertOnline(Authenticatable|int|string $user)
 * @method static void assertAway(Authenticatable|int|string $user)
 * @method static void assertOffline(Authenticatable|int|string $user)
 * @method static void assertNothingRecorded()
 *
 * @see PresenceManager
 */
final class Presence extends Facade
{
    /**
     * Replaces presence with an in-memory fake, for tests. Its clock is Carbon's (`Carbon::setTestNow()`).
     *
     * @param array<int|string, string|DateTimeInterface> $statuses by user id: "online", "away" or "offline" from now
     *     on, or the time of the last heartbeat
     */
    public static function fake(array $statuses = []): PresenceFake
    {
        $fake = new PresenceFake($statuses);
        self::swap($fake);
        self::getFacadeApplication()->instance(PresenceRepository::class, $fake);

        return $fake;
    }

    protected static function getFacadeAccessor(): string
    {
        return PresenceManager::class;
    }
}

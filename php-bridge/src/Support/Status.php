<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Support\Carbon;

/** A user's presence as the facade gives it: an array of status, last_seen_at, seconds_ago and meta. */
final class Status
{
    /** Nothing is known of the user. */
    public static function unseen(): array
    {
        return self::seen('offline', null, null, []);
    }

    /** Something is known. A meta that somebody else stored may be no array. */
    public static function seen(string $status, ?Carbon $lastSeenAt, ?int $secondsAgo, mixed $meta): array
    {
        return ['status' => $status, 'last_seen_at' => $lastSeenAt, 'seconds_ago' => $secondsAgo, 'meta' => $meta];
    }

    /**
     * What the sidecar answered, its dates in the app's time zone.
     *
     * @param array<string, mixed> $answer
     */
    public static function answered(array $answer): array
    {
        return self::seen(
            $answer['status'],
            self::date($answer['last_seen_at'] ?? null),
            $answer['seconds_ago'] ?? null,
            $answer['meta'] ?? []
        );
    }

    /** A date of an answer, in the app's time zone. */
    public static function date(?string $date): ?Carbon
    {
        return $date === null ? null : Carbon::parse($date)->setTimezone(date_default_timezone_get());
    }
}

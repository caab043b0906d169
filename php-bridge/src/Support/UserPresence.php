<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Support\Carbon;

/** The presence of one user. The facade returns it as an array. */
final class UserPresence
{
    private function __construct(
        public readonly Status $status,
        public readonly ?Carbon $lastSeenAt,
        public readonly ?int $secondsAgo,
        public readonly mixed $meta
    ) {
    }

    /** The presence of an unknown user. */
    public static function offline(): self
    {
        return new self(Status::Offline, null, null, []);
    }

    /** @param mixed $meta usually an array; a record that another program wrote may contain another type */
    public static function make(Status $status, ?Carbon $lastSeenAt, ?int $secondsAgo, mixed $meta): self
    {
        return new self($status, $lastSeenAt, $secondsAgo, $meta);
    }

    /**
     * Parses a user of a sidecar response. Dates are converted to the app's time zone. Without a status that this
     * package knows the user is offline.
     *
     * @param array<string, mixed> $response
     */
    public static function fromResponse(array $response): self
    {
        $status = Status::tryFrom((string) ($response['status'] ?? ''));

        return $status === null ? self::offline() : new self(
            $status,
            self::parseDate($response['last_seen_at'] ?? null),
            $response['seconds_ago'] ?? null,
            $response['meta'] ?? []
        );
    }

    /** Parses a date of a sidecar response and converts it to the app's time zone. */
    public static function parseDate(?string $date): ?Carbon
    {
        return $date === null ? null : Carbon::parse($date)->setTimezone(date_default_timezone_get());
    }

    /** @return array{status: string, last_seen_at: Carbon|null, seconds_ago: int|null, meta: mixed} */
    public function toArray(): array
    {
        return [
            'status' => $this->status->value,
            'last_seen_at' => $this->lastSeenAt,
            'seconds_ago' => $this->secondsAgo,
            'meta' => $this->meta,
        ];
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

/** One thing that was looked at. */
final class Finding
{
    private function __construct(
        public readonly string $subject,
        public readonly string $what,
        public readonly ?string $fix
    ) {
    }

    /** It is as it must be. */
    public static function fine(string $subject, string $what): self
    {
        return new self($subject, $what, null);
    }

    /** App and sidecar differ, and this makes them agree. */
    public static function different(string $subject, string $what, string $fix): self
    {
        return new self($subject, $what, $fix);
    }

    public function isFine(): bool
    {
        return $this->fix === null;
    }
}

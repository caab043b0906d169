<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

/** The result of one check. */
final class Finding
{
    private function __construct(
        public readonly string $subject,
        public readonly string $message,
        public readonly ?string $fix
    ) {
    }

    /** The check passed. */
    public static function ok(string $subject, string $message): self
    {
        return new self($subject, $message, null);
    }

    /** App and sidecar disagree; `$fix` says how to correct it. */
    public static function mismatch(string $subject, string $message, string $fix): self
    {
        return new self($subject, $message, $fix);
    }

    public function isOk(): bool
    {
        return $this->fix === null;
    }
}

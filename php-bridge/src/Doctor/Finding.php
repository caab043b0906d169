<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

/** A fact, or the result of one check. */
final class Finding
{
    private function __construct(
        public readonly string $subject,
        public readonly string $message,
        public readonly Severity $severity,
        public readonly string $fix = ''
    ) {
    }

    /** A setting of the app. */
    public static function fact(string $subject, string $message): self
    {
        return new self($subject, $message, Severity::Fact);
    }

    /** The check passed. */
    public static function ok(string $subject, string $message): self
    {
        return new self($subject, $message, Severity::Ok);
    }

    /** A setting that works, but probably not as intended. The message says what to do. */
    public static function warning(string $subject, string $message): self
    {
        return new self($subject, $message, Severity::Warning);
    }

    /** Something does not work; `$fix` says how to correct it, unless the message does. */
    public static function mismatch(string $subject, string $message, string $fix = ''): self
    {
        return new self($subject, $message, Severity::Problem, $fix);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Throwable;

/** Reports errors to the app's exception handler. */
final class ErrorReporter
{
    /** Reports an error. A log that cannot be written does not fail the caller. */
    public static function report(Throwable $error): void
    {
        try {
            report($error);
        } catch (Throwable) {
            // Presence never fails its host.
        }
    }
}

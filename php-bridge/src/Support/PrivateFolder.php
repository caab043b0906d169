<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use RuntimeException;

/** Folders with files of the sidecar, such as its secrets. */
final class PrivateFolder
{
    /**
     * Creates a folder with mode 0700 that version control ignores, unless it exists.
     *
     * @throws RuntimeException with the path and the reason
     */
    public static function create(string $path): void
    {
        $ignore = "{$path}/.gitignore";
        error_clear_last();
        $isCreated = is_dir($path) || @mkdir($path, 0700, true);
        if (! $isCreated || (! file_exists($ignore) && @file_put_contents($ignore, "*\n") !== 2)) {
            $reason = error_get_last()['message'] ?? 'unknown error';
            throw new RuntimeException("{$path} cannot be created: {$reason}");
        }
    }
}

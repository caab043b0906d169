<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use RuntimeException;

/** Files that contain secrets. */
final class PrivateFile
{
    /**
     * Writes a file with mode 0600, whole or not at all. Where its folder cannot be changed, an existing file is
     * overwritten in place.
     *
     * @throws RuntimeException with the path and the reason
     */
    public static function write(string $path, string $contents, int $mode = 0600): void
    {
        $path = realpath($path) ?: $path;
        $temporary = "{$path}." . bin2hex(random_bytes(4)) . '.tmp';
        error_clear_last();
        $isWritten = @touch($temporary)
            && @chmod($temporary, $mode)
            && @file_put_contents($temporary, $contents) === strlen($contents)
            && @rename($temporary, $path);
        if (! $isWritten) {
            $reason = error_get_last()['message'] ?? 'unknown error';
            @unlink($temporary);
            if (@chmod($path, $mode) && @file_put_contents($path, $contents) === strlen($contents)) {
                return;
            }
            throw new RuntimeException("{$path} cannot be written: {$reason}");
        }
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

use Closure;

/** A file that the installation writes. */
final class Change
{
    /**
     * @param string $what what is written, without secrets
     * @param Closure(): void $apply writes the file
     */
    public function __construct(
        public readonly string $path,
        public readonly string $what,
        public readonly Closure $apply
    ) {
    }

    /** Returns why the file cannot be written; null if it can. */
    public function obstacle(): ?string
    {
        if (file_exists($this->path)) {
            return is_writable($this->path) ? null : "{$this->path} is not writable";
        }
        for ($folder = dirname($this->path); ! file_exists($folder); $folder = dirname($folder)) {
            continue;
        }

        return is_dir($folder) && is_writable($folder) ? null : "{$folder} is not a writable folder";
    }
}

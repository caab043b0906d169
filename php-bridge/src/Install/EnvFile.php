<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

use RuntimeException;

/** The app's .env. Existing values are never changed. */
final class EnvFile
{
    /** A value that is neither empty, nor empty quotes, nor a comment. */
    private const VALUE = '(?!(?:""|\'\')\s*(?:#|$))[^#\s].*';

    public function __construct(public readonly string $path)
    {
    }

    /**
     * Returns the given variables that the file does not set to a value.
     *
     * @param array<string, string> $variables
     * @return array<string, string>
     */
    public function missing(array $variables): array
    {
        $contents = $this->read();
        $isMissing = fn (string $name): bool => preg_match($this->pattern($name, self::VALUE), $contents) !== 1;

        return array_filter($variables, $isMissing, ARRAY_FILTER_USE_KEY);
    }

    /**
     * Adds variables: in place of a line without a value, else at the end. The mode of the file stays.
     *
     * @param array<string, string> $variables
     * @throws RuntimeException if the file cannot be written; then it is as it was
     */
    public function add(array $variables): void
    {
        $before = $this->read();
        $contents = $before;
        $lines = '';
        foreach ($variables as $name => $value) {
            $line = "{$name}=" . self::quote($value);
            $setLine = fn (): string => $line;
            $replaced = preg_replace_callback($this->pattern($name, '.*'), $setLine, $contents, 1, $count);
            [$contents, $lines] = $count === 1 ? [$replaced, $lines] : [$contents, "{$lines}{$line}\n"];
        }
        if ($lines !== '') {
            $contents = rtrim($contents) . ($contents === '' ? '' : "\n\n") . $lines;
        }
        error_clear_last();
        if (@file_put_contents($this->path, $contents, LOCK_EX) !== strlen($contents)) {
            $reason = error_get_last()['message'] ?? 'unknown error';
            @file_put_contents($this->path, $before);
            throw new RuntimeException("{$this->path} cannot be written: {$reason}");
        }
    }

    private function read(): string
    {
        return (string) @file_get_contents($this->path);
    }

    private static function quote(string $value): string
    {
        $isPlain = preg_match('~^[-\w./:+=@,]*$~', $value) === 1;

        return $isPlain ? $value : '"' . addcslashes($value, '"\\$') . '"';
    }

    private function pattern(string $name, string $value): string
    {
        return "/^[ \\t]*(?:export[ \\t]+)?{$name}[ \\t]*=[ \\t]*{$value}$/m";
    }
}

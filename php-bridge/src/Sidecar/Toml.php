<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

/** Writes TOML (https://toml.io) of values, lists, and tables of them. */
final class Toml
{
    /** @param array<string, mixed> $table */
    public static function encode(array $table, string $path = ''): string
    {
        $lines = '';
        $tables = '';
        foreach ($table as $key => $value) {
            $name = self::key((string) $key);
            if (is_array($value) && ! array_is_list($value)) {
                $tables .= "\n[{$path}{$name}]\n" . self::encode($value, "{$path}{$name}.");
            } else {
                $lines .= "{$name} = " . self::value($value) . "\n";
            }
        }

        return $lines . $tables;
    }

    private static function key(string $key): string
    {
        return preg_match('/^[A-Za-z0-9_-]+$/', $key) === 1 ? $key : self::value($key);
    }

    private static function value(mixed $value): string
    {
        if (is_array($value)) {
            return '[' . implode(', ', array_map([self::class, 'value'], $value)) . ']';
        }

        // JSON's strings, numbers and booleans are TOML's as well, but for the one control character JSON lets pass.
        $json = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);

        return str_replace("\x7f", '\u007f', $json);
    }
}

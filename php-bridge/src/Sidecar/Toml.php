<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

/** Encodes values, lists and nested tables as TOML (https://toml.io). */
final class Toml
{
    /** @param array<string, mixed> $table */
    public static function encode(array $table, string $path = ''): string
    {
        $lines = '';
        $tables = '';
        foreach ($table as $key => $value) {
            $name = self::encodeKey((string) $key);
            if (is_array($value) && ! array_is_list($value)) {
                $tables .= "\n[{$path}{$name}]\n" . self::encode($value, "{$path}{$name}.");
            } else {
                $lines .= "{$name} = " . self::encodeValue($value) . "\n";
            }
        }

        return $lines . $tables;
    }

    private static function encodeKey(string $key): string
    {
        return preg_match('/^[A-Za-z0-9_-]+$/', $key) === 1 ? $key : self::encodeValue($key);
    }

    private static function encodeValue(mixed $value): string
    {
        if (is_array($value)) {
            return '[' . implode(', ', array_map([self::class, 'encodeValue'], $value)) . ']';
        }

        // JSON strings, numbers and booleans are valid TOML, except that JSON does not escape DEL.
        $json = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);

        return str_replace("\x7f", '\u007f', $json);
    }
}

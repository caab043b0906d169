<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

/** Merges an app's configuration with the package's defaults. */
final class Configuration
{
    /**
     * Merges recursively. Lists are not merged: the app's list replaces the default list.
     *
     * @param array<string, mixed> $config
     * @param array<string, mixed> $defaults
     * @return array<string, mixed>
     */
    public static function mergeDefaults(array $config, array $defaults): array
    {
        foreach ($config as $key => $value) {
            $isSection = is_array($value) && is_array($defaults[$key] ?? null) && ! array_is_list($defaults[$key]);
            $defaults[$key] = $isSection ? self::mergeDefaults($value, $defaults[$key]) : $value;
        }

        return $defaults;
    }
}

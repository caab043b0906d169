<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

/** Puts defaults under an app's configuration, at any depth. Lists are values: the app's own replaces the default. */
final class Configuration
{
    /**
     * @param array<string, mixed> $given
     * @param array<string, mixed> $defaults
     * @return array<string, mixed>
     */
    public static function complete(array $given, array $defaults): array
    {
        foreach ($given as $key => $value) {
            $isSection = is_array($value) && is_array($defaults[$key] ?? null) && ! array_is_list($defaults[$key]);
            $defaults[$key] = $isSection ? self::complete($value, $defaults[$key]) : $value;
        }

        return $defaults;
    }
}

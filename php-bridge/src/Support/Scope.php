<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Support\Facades\Auth;
use LogicException;

/** What tells users apart beyond their ids. */
final class Scope
{
    /**
     * The scope of this request, as the app's resolver has it.
     *
     * @return array<string, mixed>
     */
    public static function current(): array
    {
        $resolver = config('presence.scope.resolver');
        if (! $resolver) {
            return [];
        }
        if (is_string($resolver) && class_exists($resolver)) {
            $resolver = app($resolver);
        }
        if (! is_callable($resolver)) {
            throw new LogicException('presence.scope.resolver is neither callable nor the name of an invokable class.');
        }

        return (array) $resolver();
    }

    /**
     * A scope with all its four parts, as the sidecar takes them: integers, strings, or null for none.
     *
     * @param array<string, mixed>|null $scope the current one if null
     * @return array{tenant: int|string|null, location: int|string|null, domain: int|string|null, guard: int|string}
     */
    public static function complete(?array $scope = null): array
    {
        $scope ??= self::current();

        return [
            'tenant' => self::part($scope['tenant'] ?? null),
            'location' => self::part($scope['location'] ?? null),
            'domain' => self::part($scope['domain'] ?? null),
            'guard' => self::text($scope['guard'] ?? self::guard()),
        ];
    }

    /** Parts that PHP finds empty are no part of the key. */
    private static function part(mixed $value): int|string|null
    {
        return $value ? self::text($value) : null;
    }

    private static function text(mixed $value): int|string
    {
        return is_int($value) ? $value : (string) $value;
    }

    private static function guard(): string
    {
        return Auth::hasResolvedGuards() ? Auth::getDefaultDriver() : 'web';
    }
}

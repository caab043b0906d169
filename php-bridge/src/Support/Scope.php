<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use LogicException;

/** The scope of a user: tenant, location, domain and guard. */
final class Scope
{
    /**
     * Returns the scope of this request from the app's resolver.
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
            throw new LogicException('presence.scope.resolver must be a callable or the name of an invokable class.');
        }

        return (array) $resolver();
    }

    /**
     * Returns a scope with all four parts in the types that the sidecar accepts. Published views call this method.
     *
     * @param array<string, mixed>|null $scope null means the current scope
     * @return array{tenant: int|string|null, location: int|string|null, domain: int|string|null, guard: int|string}
     */
    public static function complete(?array $scope = null): array
    {
        $scope ??= self::current();

        return [
            'tenant' => self::optionalPart($scope['tenant'] ?? null),
            'location' => self::optionalPart($scope['location'] ?? null),
            'domain' => self::optionalPart($scope['domain'] ?? null),
            'guard' => self::toScalar($scope['guard'] ?? app(CurrentGuard::class)->name()),
        ];
    }

    /** Falsy values count as missing. */
    private static function optionalPart(mixed $value): int|string|null
    {
        return $value ? self::toScalar($value) : null;
    }

    private static function toScalar(mixed $value): int|string
    {
        return is_int($value) ? $value : (string) $value;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Str;

/** The names of presence records in the app's cache, before the prefixes of cache and Redis. */
final class Key
{
    /** The key of a user in the current scope. */
    public static function for(Authenticatable $user): string
    {
        return self::forUserId(self::id($user));
    }

    /** A user's id as a number or a string, whichever it is. */
    public static function id(Authenticatable $user): int|string
    {
        $id = $user->getAuthIdentifier();

        return is_int($id) ? $id : (string) $id;
    }

    /** The key of a user in a scope, the current one if none is given. */
    public static function forUserId(int|string $userId, ?array $scope = null): string
    {
        $scope = Scope::complete($scope);
        $parts = ['presence'];
        foreach (['tenant' => '', 'location' => 'loc:', 'domain' => 'dom:'] as $name => $mark) {
            if ($scope[$name] !== null) {
                $parts[] = $mark . $scope[$name];
            }
        }
        array_push($parts, "guard:{$scope['guard']}", "user:{$userId}");

        return Str::snake(implode('|', $parts));
    }
}

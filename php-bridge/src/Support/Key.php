<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Str;

/** Keys of presence records in the app's cache, without the prefixes of cache and Redis. */
final class Key
{
    /** Returns the key of a user in the current scope. */
    public static function for(Authenticatable $user): string
    {
        return self::forUserId(self::id($user));
    }

    /** Returns a user's id: an integer id stays an integer, any other becomes a string. */
    public static function id(Authenticatable $user): int|string
    {
        $id = $user->getAuthIdentifier();

        return is_int($id) ? $id : (string) $id;
    }

    /** Returns the key of a user in a scope; null means the current scope. */
    public static function forUserId(int|string $userId, ?array $scope = null): string
    {
        $scope = Scope::complete($scope);
        $parts = ['presence'];
        foreach (['tenant' => '', 'location' => 'loc:', 'domain' => 'dom:'] as $name => $prefix) {
            if ($scope[$name] !== null) {
                $parts[] = $prefix . $scope[$name];
            }
        }
        array_push($parts, "guard:{$scope['guard']}", "user:{$userId}");

        return Str::snake(implode('|', $parts));
    }
}

<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;

/** The users, without a database. */
final class People implements UserProvider
{
    public function retrieveById($identifier): ?User
    {
        return User::find($identifier);
    }

    public function retrieveByToken($identifier, $token): ?User
    {
        return null;
    }

    public function updateRememberToken(Authenticatable $user, $token): void
    {
    }

    public function retrieveByCredentials(array $credentials): ?User
    {
        $id = array_search($credentials['name'] ?? '', User::NAMES, true);

        return $id === false ? null : User::find($id);
    }

    public function validateCredentials(Authenticatable $user, array $credentials): bool
    {
        return hash_equals(User::PASSWORD, $credentials['password'] ?? '');
    }

    public function rehashPasswordIfRequired(Authenticatable $user, array $credentials, bool $force = false): void
    {
    }
}

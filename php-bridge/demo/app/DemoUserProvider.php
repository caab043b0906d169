<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;

/** Provides the demo's users without a database. */
final class DemoUserProvider implements UserProvider
{
    public function retrieveById($identifier): User
    {
        return User::find((int) $identifier);
    }

    public function retrieveByToken($identifier, $token): ?User
    {
        return null;
    }

    public function updateRememberToken(Authenticatable $user, $token): void
    {
    }

    public function retrieveByCredentials(array $credentials): User
    {
        return User::find((int) $credentials['id']);
    }

    public function validateCredentials(Authenticatable $user, array $credentials): bool
    {
        return hash_equals(User::PASSWORD, (string) $credentials['password']);
    }

    public function rehashPasswordIfRequired(Authenticatable $user, array $credentials, bool $force = false): void
    {
    }
}

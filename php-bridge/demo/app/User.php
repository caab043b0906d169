<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Auth\GenericUser;

/** Somebody who can log in. */
final class User extends GenericUser
{
    public const PASSWORD = 'secret';

    /** Who there is, by id. */
    public const NAMES = [1 => 'Ada', 2 => 'Grace'];

    public static function find(int|string $id): ?self
    {
        $name = self::NAMES[(int) $id] ?? null;

        return $name === null ? null : new self(['id' => (int) $id, 'name' => $name, 'remember_token' => '']);
    }
}

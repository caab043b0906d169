<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Auth\GenericUser;

/** Somebody who can log in. Any number is a user; some have names. */
final class User extends GenericUser
{
    public const PASSWORD = 'secret';

    public const NAMES = [1 => 'Ada', 2 => 'Grace'];

    public static function find(int $id): self
    {
        return new self(['id' => $id, 'name' => self::NAMES[$id] ?? "User {$id}", 'remember_token' => '']);
    }
}

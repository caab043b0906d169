<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Auth\GenericUser;

/** A user of the demo. Every number is a valid id; some users have names. */
final class User extends GenericUser
{
    public const PASSWORD = 'secret';

    public const NAMES = [1 => 'Ada', 2 => 'Grace'];

    public static function find(int $id): self
    {
        return new self(['id' => $id, 'name' => self::NAMES[$id] ?? "User {$id}", 'remember_token' => '']);
    }
}

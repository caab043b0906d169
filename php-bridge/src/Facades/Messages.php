<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Facades;

use AesirCloud\Presence\Messages as Api;
use Illuminate\Support\Facades\Facade;

/**
 * @method static int publish(string|array $clientIds, string $type, array $payload)
 * @method static array clients()
 *
 * @see Api
 */
final class Messages extends Facade
{
    protected static function getFacadeAccessor(): string
    {
        return Api::class;
    }
}

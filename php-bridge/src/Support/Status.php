<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

/** The presence status of a user. */
enum Status: string
{
    case Online = 'online';
    case Away = 'away';
    case Offline = 'offline';
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A scope resolver that can be named in a cached configuration. */
final class TenantOfTheDay
{
    public function __invoke(): array
    {
        return ['tenant' => 'Blue tenant'];
    }
}

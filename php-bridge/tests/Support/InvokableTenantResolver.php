<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A scope resolver as an invokable class, for cached configurations. */
final class InvokableTenantResolver
{
    public function __invoke(): array
    {
        return ['tenant' => 'Blue tenant'];
    }
}

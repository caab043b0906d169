<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A scope resolver that reads the tenant from the request. */
final class HeaderTenantResolver
{
    public function __invoke(): array
    {
        return ['tenant' => request()->header('X-Tenant')];
    }
}

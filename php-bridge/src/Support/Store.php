<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Contracts\Cache\Factory;
use Illuminate\Contracts\Cache\Repository;

/** The app's cache, where the presence records lie. Opened when it is needed, which is rarely. */
final class Store
{
    /** @param string|null $name a store of config/cache.php, the default one if null */
    public function __construct(private readonly Factory $cache, private readonly ?string $name)
    {
    }

    public function open(): Repository
    {
        return $this->cache->store($this->name);
    }
}

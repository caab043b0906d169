<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Illuminate\Contracts\Cache\Factory;
use Illuminate\Contracts\Cache\Repository;

/** The app's cache store that holds the presence records. It is resolved on first use. */
final class CacheStore
{
    /** @param string|null $name a store of config/cache.php; null means the default store */
    public function __construct(private readonly Factory $cache, private readonly ?string $name)
    {
    }

    public function repository(): Repository
    {
        return $this->cache->store($this->name);
    }
}

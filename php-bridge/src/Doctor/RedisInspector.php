<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\SidecarConfig;
use AesirCloud\Presence\Support\CacheStore;
use Illuminate\Cache\RedisStore;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Redis\RedisManager;
use Redis;
use Throwable;

/** Searches the app's Redis for keys of a sidecar, to find out which prefixes it uses. */
final class RedisInspector
{
    /** Every key of a sidecar contains this, after the prefixes. */
    private const SIDECAR_MARKER = '{presence}:';

    private const MAX_DATABASES = 16;

    /** Maximum number of SCAN calls per database, each over about 1,000 keys. */
    private const MAX_SCANS = 1000;

    public function __construct(
        private readonly Application $app,
        private readonly Repository $config,
        private readonly SidecarConfig $sidecar,
        private readonly CacheStore $cache
    ) {
    }

    /** Returns the full prefix of the app's cache keys in Redis; null if the cache is not in Redis. */
    public function prefix(): ?string
    {
        $store = $this->cache->repository()->getStore();

        return $store instanceof RedisStore ? $this->sidecar->redis()['prefix'] . $store->getPrefix() : null;
    }

    /** Returns whether phpredis serializes or compresses values itself; the sidecar cannot read such values. */
    public function usesCustomEncoding(): bool
    {
        $store = $this->cache->repository()->getStore();
        $client = $store instanceof RedisStore ? $store->connection()->client() : null;

        return $client instanceof Redis
            && ($client->getOption(Redis::OPT_SERIALIZER) || $client->getOption(Redis::OPT_COMPRESSION));
    }

    /**
     * Returns the distinct prefixes of all sidecar keys in this Redis.
     *
     * @return list<string>
     */
    public function sidecarPrefixes(): array
    {
        $prefixes = [];
        for ($database = 0; $database < self::MAX_DATABASES; $database++) {
            foreach ($this->scanSidecarKeys($database) as $key) {
                $prefixes[] = strstr($key, self::SIDECAR_MARKER, true);
            }
        }

        return array_values(array_unique($prefixes));
    }

    /** @return list<string> */
    private function scanSidecarKeys(int $database): array
    {
        $keys = [];
        try {
            $client = $this->connectUnprefixed($database)->connection('search')->client();
            for ([$scan, $cursor] = [0, '0']; $scan === 0 || ($cursor !== '0' && $scan < self::MAX_SCANS); $scan++) {
                $command = ['SCAN', $cursor, 'MATCH', '*' . self::SIDECAR_MARKER . '*', 'COUNT', '1000'];
                [$cursor, $batch] = $client instanceof Redis
                    ? $client->rawCommand(...$command)
                    : $client->executeRaw($command);
                array_push($keys, ...$batch);
            }
        } catch (Throwable) {
            // The database does not exist on this server, or the Redis user may not read it.
        }

        return $keys;
    }

    private function connectUnprefixed(int $database): RedisManager
    {
        $connection = ['database' => $database, 'prefix' => ''] + $this->sidecar->cacheConnection();
        $client = $this->config->get('database.redis.client', 'phpredis');

        return new RedisManager($this->app, $client, ['options' => ['prefix' => ''], 'search' => $connection]);
    }
}

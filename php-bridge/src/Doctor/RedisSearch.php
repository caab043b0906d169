<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\Settings;
use AesirCloud\Presence\Support\Store;
use Illuminate\Cache\RedisStore;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Redis\RedisManager;
use Redis;
use Throwable;

/** Looks into the app's Redis for traces of a sidecar: its own keys begin with the prefixes that it believes in. */
final class RedisSearch
{
    private const TRACE = '{presence}:';

    private const DATABASES = 16;

    /** Most steps of one search, of a thousand keys each. */
    private const STEPS = 1000;

    public function __construct(
        private readonly Application $app,
        private readonly Repository $config,
        private readonly Settings $settings,
        private readonly Store $store
    ) {
    }

    /** What the app puts before each key of its cache in Redis; null if its cache is no Redis. */
    public function prefix(): ?string
    {
        $store = $this->store->open()->getStore();

        return $store instanceof RedisStore ? $this->settings->redis()['prefix'] . $store->getPrefix() : null;
    }

    /** Whether phpredis serializes or compresses values, so that others cannot read what the app writes. */
    public function hasOwnFormat(): bool
    {
        $store = $this->store->open()->getStore();
        $client = $store instanceof RedisStore ? $store->connection()->client() : null;

        return $client instanceof Redis
            && ($client->getOption(Redis::OPT_SERIALIZER) || $client->getOption(Redis::OPT_COMPRESSION));
    }

    /**
     * What stands before a sidecar's keys, each prefix once.
     *
     * @return list<string>
     */
    public function prefixesOfSidecars(): array
    {
        $found = [];
        for ($database = 0; $database < self::DATABASES; $database++) {
            foreach ($this->traces($database) as $key) {
                $found[] = strstr($key, self::TRACE, true);
            }
        }

        return array_values(array_unique($found));
    }

    /** @return list<string> */
    private function traces(int $database): array
    {
        $keys = [];
        try {
            $client = $this->unprefixed($database)->connection('search')->client();
            for ([$step, $cursor] = [0, '0']; $step === 0 || ($cursor !== '0' && $step < self::STEPS); $step++) {
                $command = ['SCAN', $cursor, 'MATCH', '*' . self::TRACE . '*', 'COUNT', '1000'];
                [$cursor, $some] = $client instanceof Redis
                    ? $client->rawCommand(...$command)
                    : $client->executeRaw($command);
                array_push($keys, ...$some);
            }
        } catch (Throwable) {
            // A database that this Redis does not have, or does not show to this user.
        }

        return $keys;
    }

    private function unprefixed(int $database): RedisManager
    {
        $connection = ['database' => $database, 'prefix' => ''] + $this->settings->cacheConnection();
        $client = $this->config->get('database.redis.client', 'phpredis');

        return new RedisManager($this->app, $client, ['options' => ['prefix' => ''], 'search' => $connection]);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Webhooks\Signature;
use Illuminate\Cache\RedisStore;
use Illuminate\Contracts\Config\Repository;

/** Settings of the app that the sidecar cannot follow. Each is named, so that none is dropped silently. */
final class Compatibility
{
    /** Timers of hidden tabs run once a minute, so a shorter TTL ends between two heartbeats. */
    private const MIN_TTL_SECONDS = 61;

    /** The value of phpredis' option "serializer" for PHP's own form. */
    private const PHP_SERIALIZER = 1;

    /** The names of its values, except none (0). */
    private const SERIALIZERS = [
        1 => 'PHP\'s serialize() a second time', 2 => 'igbinary', 3 => 'msgpack', 4 => 'json',
    ];

    /** Values of phpredis' option "compression" other than none (0). */
    private const COMPRESSIONS = [1 => 'LZF', 2 => 'ZSTD', 3 => 'LZ4'];

    public function __construct(
        private readonly Repository $config,
        private readonly AppStores $stores,
        private readonly SidecarConfig $sidecar
    ) {
    }

    /**
     * Returns why app and sidecar cannot share presence records or messages, each with a fix.
     *
     * @return list<string>
     */
    public function refusals(): array
    {
        $driver = $this->stores->storeDriver();
        $ofStore = match ($driver) {
            'redis' => $this->redisRefusals(),
            'database', 'array' => [],
            default => ["The cache store \"{$this->stores->storeName()}\" (driver \"{$driver}\") cannot be shared with "
                . 'a sidecar: set PRESENCE_CACHE_STORE to a store with the driver redis or database.'],
        };

        $ofDatabase = $this->sidecar->usesDatabase() ? $this->databaseRefusals() : [];

        return [...$ofStore, ...$ofDatabase, ...$this->secretRefusals()];
    }

    /** @return list<string> */
    private function secretRefusals(): array
    {
        $webhook = (array) $this->config->get('presence.webhook');
        $previous = (array) ($webhook['previous_secrets'] ?? []);
        $names = array_fill_keys($previous, 'PRESENCE__WEBHOOK__PREVIOUS_SECRETS');
        $secrets = $this->sidecar->webhookUrl() === null ? [] : $names + [
            (string) ($webhook['secret'] ?? '') => 'PRESENCE_WEBHOOK_SECRET',
        ];
        $refused = array_filter($secrets, fn (mixed $secret): bool
            => Signature::standardKey((string) $secret) === null, ARRAY_FILTER_USE_KEY);

        return array_map(fn (string $name): string => "{$name} is not base64 in the standard alphabet after whsec_, so "
            . 'libraries of receivers derive other keys of it: generate a secret with '
            . 'echo "whsec_$(openssl rand -base64 32)".', array_values(array_unique($refused)));
    }

    /**
     * Returns what works, but probably not as intended.
     *
     * @return list<string>
     */
    public function warnings(): array
    {
        $ttl = (int) $this->config->get('presence.cache.ttl_seconds');
        $warnings = $ttl >= self::MIN_TTL_SECONDS ? [] : [
            "PRESENCE_TTL is {$ttl}: browsers run the timers of hidden tabs once a minute, so users with hidden "
                . 'tabs go offline between two heartbeats. Set it to more than 60.',
        ];
        array_push($warnings, ...$this->compressionWarnings(), ...$this->tlsWarnings());
        if ($this->stores->storeDriver() === 'array') {
            $warnings[] = 'The cache store "array" is not shared: app and sidecar each have their own records. Set '
                . 'PRESENCE_CACHE_STORE to a store with the driver redis or database.';
        }

        return $warnings;
    }

    /** @return list<string> */
    private function redisRefusals(): array
    {
        $servers = array_filter([$this->stores->appRedis()->refusal()]);
        $name = $this->stores->cacheConnectionName();

        return [...array_values($servers), ...$this->encodingRefusals(), ...$this->tlsRefusals($name)];
    }

    /**
     * phpredis encodes each value with these serializers; the sidecar writes and reads PHP's serialize(). Newer
     * versions of Laravel leave that one to phpredis; older ones serialize each value twice. Predis has no such option
     * and ignores it.
     *
     * @return list<string>
     */
    private function encodingRefusals(): array
    {
        $serializer = $this->phpredisOption('serializer');
        $form = self::SERIALIZERS[(int) $serializer] ?? $serializer;

        $isShared = (int) $serializer === self::PHP_SERIALIZER
            && method_exists(RedisStore::class, 'connectionAwareSerialize');

        return empty($serializer) || $isShared ? [] : [
            "phpredis encodes the records with {$form} (option \"serializer\" of the Redis connection "
                . "\"{$this->stores->cacheConnectionName()}\"), and cannot read those of the sidecar: remove it, "
                . 'or give the cache store a connection without it.',
        ];
    }

    /** @return list<string> */
    private function compressionWarnings(): array
    {
        $compression = $this->phpredisOption('compression');
        $form = self::COMPRESSIONS[(int) $compression] ?? $compression;

        return empty($compression) ? [] : [
            "phpredis compresses the records with {$form} (option \"compression\" of the Redis connection "
                . "\"{$this->stores->cacheConnectionName()}\"): the sidecar reads them since version 0.3, and writes "
                . 'records without compression, which phpredis reads.',
        ];
    }

    /** Returns an option of the cache's connection as phpredis gets it; null if it is unset or the client is Predis. */
    private function phpredisOption(string $name): mixed
    {
        $isPhpredis = $this->stores->storeDriver() === 'redis'
            && str_starts_with((string) $this->config->get('database.redis.client', 'phpredis'), 'phpredis');

        return $isPhpredis ? $this->connectionOptions()[$name] ?? null : null;
    }

    /** @return array<string, mixed> the options of the cache's connection, as the framework merges them */
    private function connectionOptions(): array
    {
        $redis = $this->stores->appRedis();

        return $redis->options() + $redis->connection();
    }

    /** @return list<string> */
    private function tlsWarnings(): array
    {
        $isVerified = $this->stores->storeDriver() !== 'redis'
            || $this->stores->appRedis()->tls()->isVerified();

        return $isVerified ? [] : [
            "The Redis connection \"{$this->stores->cacheConnectionName()}\" does not verify the server's certificate "
                . '(verify_peer), which a sidecar always does: name the authority that signed it with cafile.',
        ];
    }

    /** @return list<string> */
    private function tlsRefusals(string $connection): array
    {
        $tls = $this->stores->appRedis()->tls();
        $place = "The Redis connection \"{$connection}\"";

        return array_values(array_filter([
            $tls->unknown() === [] ? null : "{$place} has the TLS options " . implode(', ', $tls->unknown())
                . ', which a sidecar does not have: use cafile, local_cert, and local_pk without a passphrase.',
            $tls->hasTwoSets() ? "{$place} has other TLS files for some of its servers or Sentinels, and a sidecar "
                . 'has one set: use the same for all.' : null,
        ]));
    }

    /** @return list<string> */
    private function databaseRefusals(): array
    {
        $name = "The database connection \"{$this->stores->databaseName()}\"";
        $connection = $this->stores->databaseConnection();
        $driver = (string) ($connection['driver'] ?? '');
        $schema = $this->schema($connection);
        $isMemory = ($connection['database'] ?? null) === ':memory:';

        return array_values(array_filter([
            in_array($driver, ['sqlite', 'mysql', 'mariadb', 'pgsql'], true) ? null
                : "{$name} has the driver \"{$driver}\": a sidecar supports sqlite, mysql, mariadb and pgsql only.",
            $driver === 'sqlite' && $isMemory ? "{$name} is in memory: a sidecar needs a file or a server." : null,
            $driver !== 'pgsql' || $schema === 'public' ? null
                : "{$name} has the search_path \"{$schema}\", which presence:sidecar cannot describe: set it for the "
                    . 'database user (ALTER ROLE … SET search_path).',
            empty($connection['sslcert']) ? null
                : "{$name} has a client certificate (sslcert), which a sidecar does not support.",
        ]));
    }

    /** Returns the first schema of a Postgres connection that is not named after the user. */
    private function schema(array $connection): string
    {
        $path = $connection['search_path'] ?? $connection['schema'] ?? 'public';
        $names = is_array($path) ? $path : preg_split('/[\s,]+/', (string) $path);
        $names = array_diff(array_map(fn (string $name): string => trim($name, '"\''), $names ?: []), ['$user', '']);

        return (string) (array_values($names)[0] ?? 'public');
    }
}

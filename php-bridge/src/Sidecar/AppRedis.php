<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Config\Repository;
use Illuminate\Support\Arr;
use Illuminate\Support\ConfigurationUrlParser;

/**
 * The Redis of a connection, as the framework connects to it: one server, the nodes of a cluster, or the master that
 * Sentinels name (with Predis, or with one of the packages that connect to them).
 */
final class AppRedis
{
    private const PREDIS = 'predis';

    /** The client of namoshek/laravel-redis-sentinel. */
    private const PHPREDIS_SENTINEL = 'phpredis-sentinel';

    /** The driver, and the section in config/database.php, of monospice/laravel-redis-sentinel-drivers. */
    private const SENTINEL_DRIVER = 'redis-sentinel';

    /** Values of Predis' option "cluster" that mean a Redis Cluster. */
    private const REDIS_CLUSTER = ['redis', 'redis-cluster'];

    public function __construct(
        private readonly Repository $config,
        private readonly string $name,
        private readonly string $driver
    ) {
    }

    /** Returns whether a cache store with this driver is in Redis. */
    public static function isDriver(string $driver): bool
    {
        return in_array($driver, ['redis', self::SENTINEL_DRIVER], true);
    }

    /** Returns why a sidecar cannot use the servers of this connection; null if it can. */
    public function refusal(): ?string
    {
        $options = $this->options();
        $place = "The Redis connection \"{$this->name}\"";
        $isCluster = in_array($options['cluster'] ?? null, self::REDIS_CLUSTER, true);

        return match (true) {
            $this->isSentinel() && $this->sentinels() === []
                => "{$place} names no Sentinels, which a sidecar needs: set their hosts.",
            $this->isSentinel() || ! $this->hasNodes() => null,
            $this->client() !== self::PREDIS || $isCluster => null,
            ($options['replication'] ?? null) !== null => "{$place} replicates with Predis (option \"replication\"), "
                . 'which a sidecar does not follow: use Sentinels (replication "sentinel"), or one server.',
            default => "Predis itself divides the keys of \"{$this->name}\" among its servers (option \"cluster\"), "
                . 'which a sidecar does not follow: set the option "cluster" to "redis" for a Redis Cluster.',
        };
    }

    /**
     * Returns the section "redis" of the sidecar's configuration.
     *
     * @return array<string, mixed>
     */
    public function section(): array
    {
        $section = match (true) {
            $this->isSentinel() => $this->sentinelSection(),
            $this->hasNodes() => $this->clusterSection(),
            default => $this->serverSection(),
        };
        $section += $this->tls()->files() + ['prefix' => $this->prefix()];

        return array_filter($section, fn (mixed $value): bool => $value !== null);
    }

    /** Returns the TLS options of the connection, and of its nodes or Sentinels. */
    public function tls(): RedisTls
    {
        return new RedisTls(
            [$this->connection(), $this->options(), $this->parameters()],
            array_merge([['ssl' => $this->connection()['sentinel_ssl'] ?? []]], $this->nodes())
        );
    }

    /** Returns the servers in words. */
    public function describe(): string
    {
        $section = $this->section();
        $host = (string) ($section['host'] ?? 'no host');

        return match (true) {
            isset($section['cluster']) => 'Redis Cluster ' . implode(', ', $section['cluster']),
            isset($section['sentinels']) => "Redis master {$section['sentinel_service']} of the Sentinels "
                . implode(', ', $section['sentinels']),
            str_starts_with($host, '/') => "Redis {$host}",
            default => "Redis {$host}:{$section['port']}",
        };
    }

    /**
     * Returns the options of the connection, as the framework merges them.
     *
     * @return array<string, mixed>
     */
    public function options(): array
    {
        $connection = $this->connection();
        $shared = (array) $this->config->get("database.{$this->group()}.options", []);
        $ofClusters = $this->isInClusters() ? (array) $this->config->get('database.redis.clusters.options', []) : [];

        return (array) ($connection['options'] ?? []) + $ofClusters + $shared;
    }

    /** @return array<string, mixed> the connection, with its URL parsed as the framework does */
    public function connection(): array
    {
        $group = $this->group();
        $path = $this->isInClusters() ? "database.redis.clusters.{$this->name}" : "database.{$group}.{$this->name}";

        return self::parse($this->config->get($path, []));
    }

    private function serverSection(): array
    {
        $connection = $this->connection();

        return [
            'host' => $connection['host'] ?? $connection['path'] ?? null,
            'port' => (int) ($connection['port'] ?? 6379),
            'scheme' => $connection['scheme'] ?? null,
            'username' => $connection['username'] ?? null,
            'password' => $connection['password'] ?? null,
            'db' => (int) (self::parse($this->config->get('database.redis.default', []))['database'] ?? 0),
            'cache_db' => (int) ($connection['database'] ?? 0),
        ];
    }

    private function clusterSection(): array
    {
        $options = $this->options();
        // phpredis has one password for all nodes, among the options, and ignores the database.
        $isPredis = $this->client() === self::PREDIS;
        $login = $isPredis ? $this->nodes()[0] + $this->parameters() : $options;
        $password = $login['password'] ?? null;

        return [
            'cluster' => array_map(fn (array $node): string => self::address($node, 6379), $this->nodes()),
            'username' => is_array($password) ? $password[0] ?? null : $login['username'] ?? null,
            'password' => is_array($password) ? $password[1] ?? null : $password,
            'db' => 0,
            'cache_db' => $isPredis ? (int) ($login['database'] ?? 0) : 0,
        ];
    }

    private function sentinelSection(): array
    {
        $isNamoshek = $this->client() === self::PHPREDIS_SENTINEL;
        $connection = $this->connection();
        $master = $isNamoshek ? $connection : $this->parameters();
        $sentinel = $isNamoshek ? [
            'username' => $connection['sentinel_username'] ?? null,
            'password' => $connection['sentinel_password'] ?? null,
        ] : $this->nodes()[0] ?? [];
        $service = $isNamoshek ? $connection['sentinel_service'] ?? null : $this->options()['service'] ?? null;
        $default = new self($this->config, 'default', $this->driver);
        $own = $isNamoshek ? $default->connection() : $default->parameters();

        return [
            'sentinels' => $this->sentinels(),
            'sentinel_service' => (string) ($service ?? 'mymaster'),
            'sentinel_username' => $sentinel['username'] ?? null,
            'sentinel_password' => $sentinel['password'] ?? null,
            'scheme' => $master['scheme'] ?? null,
            'username' => $master['username'] ?? null,
            'password' => $master['password'] ?? null,
            'db' => (int) ($own['database'] ?? 0),
            'cache_db' => (int) ($master['database'] ?? 0),
        ];
    }

    /** @return list<string> */
    private function sentinels(): array
    {
        $connection = $this->connection();
        $nodes = isset($connection['sentinel_host']) && is_string($connection['sentinel_host'])
            ? [['host' => $connection['sentinel_host'], 'port' => $connection['sentinel_port'] ?? null]]
            : $this->nodes();
        // A host may be a list with commas, as the second package allows.
        $hosts = fn (array $node): array => array_map(
            fn (string $host): array => ['host' => trim($host)] + $node,
            array_filter(explode(',', (string) ($node['host'] ?? '')), fn (string $host): bool => trim($host) !== '')
        );
        $address = fn (array $node): string => self::address($node, 26379);

        return array_map($address, array_merge(...array_map($hosts, $nodes)));
    }

    private function isSentinel(): bool
    {
        return $this->group() === self::SENTINEL_DRIVER
            || $this->client() === self::PHPREDIS_SENTINEL
            || ($this->client() === self::PREDIS && ($this->options()['replication'] ?? null) === 'sentinel');
    }

    private function hasNodes(): bool
    {
        return $this->isInClusters() || $this->nodes() !== [];
    }

    /** @return list<array<string, mixed>> the servers of a connection that is a list */
    private function nodes(): array
    {
        $nodes = array_filter($this->connection(), 'is_int', ARRAY_FILTER_USE_KEY);
        if ($nodes === [] && $this->isInClusters()) {
            $nodes = Arr::except($this->connection(), ['options', 'prefix']);
        }

        return array_map([self::class, 'parse'], array_values($nodes));
    }

    /** @return array<string, mixed> Predis' option "parameters", which may be one for each connection */
    private function parameters(): array
    {
        $parameters = (array) ($this->options()['parameters'] ?? []);

        return (array) ($parameters[$this->name] ?? $parameters);
    }

    private function prefix(): string
    {
        $connection = $this->connection();

        return (string) ($connection['prefix'] ?? $this->options()['prefix'] ?? '');
    }

    private function isInClusters(): bool
    {
        return $this->group() === 'redis' && ! $this->config->has("database.redis.{$this->name}")
            && $this->config->has("database.redis.clusters.{$this->name}");
    }

    /** Returns the section of config/database.php that has the connection. */
    private function group(): string
    {
        $isSentinel = $this->driver === self::SENTINEL_DRIVER
            || $this->config->get('database.redis.driver') === self::SENTINEL_DRIVER;

        return $isSentinel ? self::SENTINEL_DRIVER : 'redis';
    }

    private function client(): string
    {
        return (string) $this->config->get('database.redis.client', 'phpredis');
    }

    /** Returns "host:port", with "tls://" in front if the connection uses TLS. */
    private static function address(array $node, int $port): string
    {
        $host = (string) ($node['host'] ?? '');
        $scheme = strtolower((string) ($node['scheme'] ?? ''));
        if (str_contains($host, '://')) {
            [$scheme, $host] = explode('://', $host, 2);
        }
        $hasPort = preg_match('/:\d+$/', $host) === 1 && substr_count($host, ':') === 1;
        $host = substr_count($host, ':') > 1 && ! str_starts_with($host, '[') ? "[{$host}]" : $host;
        $tls = in_array($scheme, ['tls', 'rediss', 'ssl'], true) ? 'tls://' : '';

        return $tls . ($hasPort ? $host : "{$host}:" . ((int) ($node['port'] ?? 0) ?: $port));
    }

    /** @return array<string, mixed> */
    private static function parse(mixed $connection): array
    {
        $parsed = (new ConfigurationUrlParser())->parseConfiguration($connection);
        $scheme = strtolower((string) ($parsed['driver'] ?? ''));

        return in_array($scheme, ['tcp', 'tls'], true) ? ['scheme' => $scheme] + $parsed : $parsed;
    }
}

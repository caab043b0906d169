<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Foundation\Application;
use Illuminate\Support\ConfigurationUrlParser;

/** The sidecar's configuration, derived from this app's configuration. */
final class SidecarConfig
{
    /** `PDO::MYSQL_ATTR_SSL_CA`, which exists only with its extension. */
    private const MYSQL_ATTR_SSL_CA = 1009;

    public function __construct(private readonly Application $app, private readonly Repository $config)
    {
    }

    /** Returns the driver of the cache store that holds the presence records. */
    public function storeDriver(): string
    {
        return (string) ($this->store()['driver'] ?? '');
    }

    /**
     * Returns the sections and keys of the sidecar's presence.toml.
     *
     * @return array<string, mixed>
     */
    public function toArray(): array
    {
        $sections = [
            'driver' => $this->webhookUrl() === null ? 'cache' : 'webhook',
            'cache' => [
                'store' => $this->storeDriver(),
                'ttl_seconds' => (int) $this->presence('cache.ttl_seconds'),
                'away_after_seconds' => (int) $this->presence('cache.away_after_seconds'),
            ],
            'redis' => $this->storeDriver() === 'redis' ? $this->redis() : [],
            'database' => $this->storeDriver() === 'database' ? $this->database() : [],
            'laravel' => [
                'version' => implode('.', array_slice(explode('.', $this->app->version()), 0, 2)),
                'app_name' => (string) $this->config->get('app.name'),
                'timezone' => (string) $this->config->get('app.timezone'),
                'cache_prefix' => (string) ($this->store()['prefix'] ?? $this->config->get('cache.prefix')),
            ],
            'webhook' => $this->webhook(),
            'routing' => [
                'register_heartbeat_route' => (bool) $this->presence('routing.register_heartbeat_route'),
                'prefix' => (string) $this->presence('routing.prefix'),
                'throttle' => (string) $this->presence('routing.throttle'),
            ],
            'auth' => array_filter([
                'tokens' => self::list($this->presence('sidecar.token')),
                'user_token_secrets' => self::list($this->presence('sidecar.user_tokens.secret')),
            ]),
            'server' => array_filter(['listen' => $this->listen(), 'allowed_origins' => $this->origins()]),
        ];

        return array_filter($sections, fn (mixed $section): bool => $section !== []);
    }

    /**
     * Returns the section "redis": the app's Redis.
     *
     * @return array<string, mixed>
     */
    public function redis(): array
    {
        $connection = $this->cacheConnection();
        $options = $this->config->get('database.redis.options', []);
        $prefix = $connection['prefix'] ?? $connection['options']['prefix'] ?? $options['prefix'] ?? '';

        return array_filter([
            'host' => $connection['host'] ?? $connection['path'] ?? null,
            'port' => (int) ($connection['port'] ?? 6379),
            'scheme' => $connection['scheme'] ?? null,
            'username' => $connection['username'] ?? null,
            'password' => $connection['password'] ?? null,
            'db' => (int) ($this->connection('default')['database'] ?? 0),
            'cache_db' => (int) ($connection['database'] ?? 0),
            'prefix' => (string) $prefix,
        ], fn (mixed $value): bool => $value !== null);
    }

    /**
     * Returns the section "database": the app's database with the cache table.
     *
     * @return array<string, mixed>
     */
    public function database(): array
    {
        $store = $this->store();
        $name = $store['connection'] ?? $this->config->get('database.default');
        $connection = (new ConfigurationUrlParser())->parseConfiguration(
            $this->config->get("database.connections.{$name}", [])
        );

        return array_filter([
            'connection' => $connection['driver'] ?? null,
            'host' => $connection['host'] ?? null,
            'port' => isset($connection['port']) ? (int) $connection['port'] : null,
            'database' => $connection['database'] ?? null,
            'username' => $connection['username'] ?? null,
            'password' => $connection['password'] ?? null,
            'socket' => ($connection['unix_socket'] ?? null) ?: null,
            'sslmode' => $connection['sslmode'] ?? null,
            'ssl_ca' => ($connection['options'][self::MYSQL_ATTR_SSL_CA] ?? $connection['sslrootcert'] ?? null) ?: null,
            'timezone' => ($connection['timezone'] ?? null) ?: null,
            'cache_table' => ($connection['prefix'] ?? '') . ($store['table'] ?? 'cache'),
        ], fn (mixed $value): bool => $value !== null);
    }

    /**
     * Returns the Redis connection of the cache, with its URL parsed as the framework does.
     *
     * @return array<string, mixed>
     */
    public function cacheConnection(): array
    {
        return $this->connection($this->store()['connection'] ?? 'default');
    }

    private function webhook(): array
    {
        if ($this->webhookUrl() === null) {
            return [];
        }

        return array_filter([
            'url' => $this->webhookUrl(),
            'secret' => $this->presence('webhook.secret'),
            'previous_secrets' => $this->presence('webhook.previous_secrets'),
            'timeout' => (int) $this->presence('webhook.timeout'),
            'retries' => (int) $this->presence('webhook.retries'),
            'signature_header' => $this->presence('webhook.signature_header'),
            'algo' => $this->presence('webhook.algo'),
            'headers' => $this->presence('webhook.headers'),
            'send_on' => array_map('boolval', $this->presence('webhook.send_on')),
        ], fn (mixed $value): bool => $value !== null && $value !== []);
    }

    private function webhookUrl(): ?string
    {
        if ($this->presence('webhook.receiver.path')) {
            return $this->presence('webhook.url') ?: route('presence.webhook');
        }

        return $this->presence('driver') === 'webhook' ? $this->presence('webhook.url') : null;
    }

    /** @return list<string> */
    private function listen(): array
    {
        $url = parse_url((string) $this->presence('sidecar.url')) ?: [];
        $isLocal = in_array($url['host'] ?? null, ['localhost', '127.0.0.1', '[::1]'], true);
        $isHttp = ($url['scheme'] ?? null) === 'http';
        $unix = $this->presence('sidecar.unix');

        return array_values(array_filter([
            $unix ? "unix:{$unix}" : null,
            $isHttp ? ($isLocal ? '127.0.0.1:' : '0.0.0.0:') . ($url['port'] ?? 80) : null,
        ]));
    }

    /** @return list<string> */
    private function origins(): array
    {
        $url = parse_url((string) $this->config->get('app.url')) ?: [];
        if (! $this->presence('sidecar.public_url') || ! isset($url['scheme'], $url['host'])) {
            return [];
        }

        return ["{$url['scheme']}://{$url['host']}" . (isset($url['port']) ? ":{$url['port']}" : '')];
    }

    private function store(): array
    {
        $name = $this->presence('cache.store') ?? $this->config->get('cache.default');

        return (array) $this->config->get("cache.stores.{$name}", []);
    }

    private function connection(string $name): array
    {
        $parsed = (new ConfigurationUrlParser())->parseConfiguration($this->config->get("database.redis.{$name}", []));
        $scheme = strtolower((string) ($parsed['driver'] ?? ''));

        return in_array($scheme, ['tcp', 'tls'], true) ? ['scheme' => $scheme] + $parsed : $parsed;
    }

    private function presence(string $key): mixed
    {
        return $this->config->get("presence.{$key}");
    }

    /** @return list<string> */
    private static function list(?string $commaList): array
    {
        return array_values(array_filter(array_map('trim', explode(',', (string) $commaList))));
    }
}

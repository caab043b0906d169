<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Config\Repository;
use Illuminate\Support\ConfigurationUrlParser;

/** The app's cache store, Redis and database, as the framework uses them. */
final class AppStores
{
    public function __construct(private readonly Repository $config)
    {
    }

    /** Returns the name of the cache store that holds the presence records. */
    public function storeName(): string
    {
        return (string) ($this->config->get('presence.cache.store') ?: $this->config->get('cache.default'));
    }

    /** Returns the driver of the cache store that holds the presence records: "redis" for each that is in Redis. */
    public function storeDriver(): string
    {
        $driver = (string) ($this->store()['driver'] ?? '');

        return AppRedis::isDriver($driver) ? 'redis' : $driver;
    }

    /** Returns the name of the Redis connection of the cache. */
    public function cacheConnectionName(): string
    {
        return (string) ($this->store()['connection'] ?? 'default');
    }

    /** Returns the Redis of the cache. */
    public function appRedis(): AppRedis
    {
        return new AppRedis($this->config, $this->cacheConnectionName(), (string) ($this->store()['driver'] ?? ''));
    }

    /** Returns the name of the database connection: that of the cache store or, with another store, the default. */
    public function databaseName(): string
    {
        $ofStore = $this->storeDriver() === 'database' ? $this->store()['connection'] ?? null : null;

        return (string) ($ofStore ?? $this->config->get('database.default'));
    }

    /**
     * Returns the app's database connection, with its URL parsed and its host for writes, as the framework uses it.
     *
     * @return array<string, mixed>
     */
    public function databaseConnection(): array
    {
        $connection = $this->config->get("database.connections.{$this->databaseName()}", []);
        $connection = (new ConfigurationUrlParser())->parseConfiguration($connection);
        $writing = (array) ($connection['write'] ?? []);
        $connection = array_merge($connection, $writing[0] ?? $writing);
        $connection['host'] = ((array) ($connection['host'] ?? []))[0] ?? null;

        return $connection;
    }

    /**
     * Returns the section "redis": the app's Redis.
     *
     * @return array<string, mixed>
     */
    public function redis(): array
    {
        return $this->appRedis()->section();
    }

    /**
     * Returns the section "database": the app's database.
     *
     * @return array<string, mixed>
     */
    public function database(): array
    {
        $connection = $this->databaseConnection();
        $table = $this->storeDriver() === 'database' ? $this->store()['table'] ?? 'cache' : null;

        return array_filter([
            'connection' => $connection['driver'] ?? null,
            'host' => $connection['host'] ?? null,
            'port' => isset($connection['port']) ? (int) $connection['port'] : null,
            'database' => $connection['database'] ?? null,
            'username' => $connection['username'] ?? null,
            'password' => $connection['password'] ?? null,
            'socket' => ($connection['unix_socket'] ?? null) ?: null,
            'sslmode' => $connection['sslmode'] ?? null,
            'ssl_ca' => $this->certificates($connection),
            'timezone' => ($connection['timezone'] ?? null) ?: null,
            'cache_table' => $table === null ? null : ($connection['prefix'] ?? '') . $table,
            'app_migrations' => ($connection['prefix'] ?? '') . $this->migrationsTable(),
        ], fn (mixed $value): bool => $value !== null);
    }

    /** Returns the table of the app's migrations: before it exists, the sidecar creates nothing. */
    private function migrationsTable(): string
    {
        $migrations = $this->config->get('database.migrations');

        return (string) ((is_array($migrations) ? $migrations['table'] ?? null : $migrations) ?: 'migrations');
    }

    /**
     * Returns the trusted certificates of a database connection, an option of PDO for MySQL and a key for Postgres;
     * null if there are none, or the app does not verify the server's certificate.
     */
    private function certificates(array $connection): ?string
    {
        if (! in_array($connection['driver'] ?? null, ['mysql', 'mariadb'], true)) {
            return ($connection['sslrootcert'] ?? null) ?: null;
        }
        $options = (array) ($connection['options'] ?? []);
        $option = function (string $name) use ($options): mixed {
            // The constants have moved in PHP 8.4, and are missing without pdo_mysql.
            $constants = array_filter(["Pdo\\Mysql::ATTR_{$name}", "PDO::MYSQL_ATTR_{$name}"], 'defined');

            return $constants === [] ? null : $options[constant(array_values($constants)[0])] ?? null;
        };

        return $option('SSL_VERIFY_SERVER_CERT') === false ? null : ($option('SSL_CA') ?: null);
    }

    /** Returns the configuration of the cache store. */
    public function store(): array
    {
        return (array) $this->config->get("cache.stores.{$this->storeName()}", []);
    }
}

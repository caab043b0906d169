<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\AppDatabase;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Foundation\Application;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Cache;
use PHPUnit\Framework\Attributes\DataProvider;

/** The command presence:sidecar. */
final class SidecarCommandTest extends TestCase
{
    public function test_written_configuration_starts_sidecar_that_agrees_with_app(): void
    {
        $port = Process::freePort();
        $this->reconfigure([
            'presence.sidecar.url' => "http://127.0.0.1:{$port}",
            'presence.sidecar.token' => 'first-token-0123456789, second-token-0123456789',
            'presence.sidecar.public_url' => 'https://sidecar.test',
            'presence.webhook.receiver.path' => 'hooks/sidecar',
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
            'presence.webhook.headers' => ['X-Team' => 'blue "one"'],
            'presence.routing.throttle' => null,
            'presence.cache.ttl_seconds' => '60',
            'presence.cache.away_after_seconds' => '45',
            'database.redis.options.prefix' => 'Odd "prefix" \\ ',
            'database.redis.cache.database' => '3',
            'app.timezone' => 'Europe/Paris',
        ]);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('warning: PRESENCE_TTL is 60', $output);
        self::assertSame('0600', substr(sprintf('%o', fileperms($path)), -4));
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('url = "http://127.0.0.1:8000/hooks/sidecar"', $written);

        $folder = Process::folder();
        $environment = ['PRESENCE_STORAGE' => $folder];
        $sidecar = new Process([Sidecar::binary(), 'serve', '--config', $path], $folder, $environment);
        $sidecar->await(fn (): bool => Process::isListening($port));
        $this->reconfigure(['presence.webhook.receiver.path' => null] + $this->config);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('offline after 60 s', $output);

        Presence::heartbeat($this->user(), ['a' => 1]);
        self::assertSame(['a' => 1], $this->cacheRecord()['meta']);
        self::assertSame(Carbon::now('Europe/Paris')->format('P'), substr($this->cacheRecord()['last_seen_at'], -6));
        self::assertStringNotContainsString('warning', $sidecar->output());
    }

    public function test_written_configuration_contains_broadcast_connection_of_app(): void
    {
        $this->reconfigure(['presence.sidecar.token' => 'first-token-0123456789']);
        // Laravel 8 has no driver for Reverb: the app must not boot with it.
        config([
            'broadcasting.default' => 'reverb',
            'broadcasting.connections.reverb' => [
                'driver' => 'reverb', 'app_id' => 1001, 'key' => 'app-key', 'secret' => 'hush',
                'options' => ['host' => 'reverb.test', 'port' => '8080', 'scheme' => 'http', 'useTLS' => false],
            ],
        ]);
        $printed = $this->printedConfiguration();
        foreach (
            [
                'broadcast.connection = "reverb"', 'broadcast.channels.public = ["status.global"]',
                'broadcast.channels.user = "presence.user.{id}"', 'broadcast.reverb.app_id = "1001"',
                'broadcast.reverb.host = "reverb.test"', 'broadcast.reverb.port = 8080',
                'broadcast.reverb.scheme = "http"',
            ] as $line
        ) {
            self::assertStringContainsString($line, $printed);
        }
        self::assertStringNotContainsString('hush', $printed);
    }

    public function test_written_configuration_contains_database_of_cache_store(): void
    {
        $this->reconfigure([
            'presence.cache.store' => 'database',
            'presence.sidecar.token' => 'first-token-0123456789',
            'cache.stores.database' => ['driver' => 'database', 'table' => 'kept', 'connection' => 'shop'],
            'database.connections.shop' => [
                'url' => 'mysql://ada:hush@db.test:3307/shop', 'prefix' => 'x_', 'timezone' => '+00:00',
            ],
        ]);
        $printed = $this->printedConfiguration();
        foreach (
            [
                'cache.store = "database"', 'database.connection = "mysql"', 'database.host = "db.test"',
                'database.port = 3307', 'database.database = "shop"', 'database.username = "ada"',
                'database.cache_table = "x_kept"', 'database.app_migrations = "x_migrations"',
                'laravel.cache_prefix = "demo_cache"',
                'database.timezone = "+00:00"',
            ] as $line
        ) {
            self::assertStringContainsString($line, $printed);
        }
        self::assertStringNotContainsString('hush', $printed);
    }

    /** Returns the keys that `presence-sidecar config` prints for the configuration written for this app. */
    private function printedConfiguration(): string
    {
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        $command = escapeshellarg(Sidecar::binary()) . ' config --config ' . escapeshellarg($path) . ' 2>&1';
        exec($command, $lines, $status);
        self::assertSame(0, $status, implode("\n", $lines));

        return (string) preg_replace('/ +#.*/', '', implode("\n", $lines));
    }

    public function test_messages_are_off_unless_token_of_messages_is_set(): void
    {
        self::assertStringContainsString('messaging.enabled = false', $this->printedConfiguration());
        $this->reconfigure([
            'presence.sidecar.operator_token' => 'operator-token-0123456789',
            'app.key' => 'base64:' . base64_encode(str_repeat('k', 32)),
            'database.default' => 'sqlite',
            'database.connections.sqlite.database' => storage_path('app.sqlite'),
        ]);
        $printed = $this->printedConfiguration();
        self::assertStringContainsString('messaging.enabled = true', $printed);
        self::assertStringContainsString('database.database = "' . storage_path('app.sqlite') . '"', $printed);
        $written = (string) file_get_contents(storage_path('sidecar.toml'));
        self::assertStringContainsString('app_key = "base64:' . base64_encode(str_repeat('k', 32)), $written);
        self::assertStringContainsString('operator_tokens = ["operator-token-0123456789"]', $written);
        self::assertStringNotContainsString('operator-token', $printed);
    }

    public function test_sidecar_makes_no_tables_for_messages_in_database_of_app(): void
    {
        $port = Process::freePort();
        $this->reconfigure([
            'presence.cache.store' => 'database',
            'presence.sidecar.url' => "http://127.0.0.1:{$port}",
            'database.default' => 'sqlite',
            'database.connections.sqlite.database' => $database = storage_path('app.sqlite'),
        ]);
        AppDatabase::migrate($database);
        $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        $sidecar = new Process([Sidecar::binary(), 'serve', '--config', $path], Process::folder());
        $sidecar->await(fn (): bool => Process::isListening($port));
        Presence::heartbeat($this->user());
        $tables = (new \PDO("sqlite:{$database}"))->query("SELECT name FROM sqlite_master WHERE type = 'table'")
            ->fetchAll(\PDO::FETCH_COLUMN);
        self::assertContains('sidecar_presence_users', $tables);
        self::assertSame([], array_intersect(['clients', 'messages', 'message_receipts'], $tables));
    }

    public function test_empty_cache_store_means_default_store(): void
    {
        $this->reconfigure(['presence.cache.store' => '']);
        self::assertStringContainsString('cache.store = "redis"', $this->printedConfiguration());
    }

    public function test_written_configuration_follows_write_host_and_certificates(): void
    {
        $connection = [
            'driver' => 'mysql', 'database' => 'shop', 'username' => 'ada', 'password' => 'hush',
            'read' => ['host' => ['replica.test']], 'write' => ['host' => ['primary.test', 'other.test']],
            'options' => [\PDO::MYSQL_ATTR_SSL_CA => '/etc/ca.pem'], 'timezone' => '+02:00',
        ];
        $this->reconfigure([
            'presence.cache.store' => 'database',
            'cache.stores.database' => ['driver' => 'database', 'table' => 'cache', 'connection' => 'shop'],
            'database.connections.shop' => $connection,
            'presence.sidecar.url' => 'http://[::1]:8137',
        ]);
        $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('host = "primary.test"', $written);
        self::assertStringContainsString('ssl_ca = "/etc/ca.pem"', $written);
        self::assertStringContainsString('timezone = "+02:00"', $written);
        self::assertStringContainsString('listen = ["[::1]:8137"]', $written);

        $unverified = \PDO::MYSQL_ATTR_SSL_VERIFY_SERVER_CERT;
        $this->reconfigure($this->config + ["database.connections.shop.options.{$unverified}" => false]);
        $this->runCommand('presence:sidecar', ['--path' => $path]);
        self::assertStringNotContainsString('ssl_ca', (string) file_get_contents($path));
    }

    /** @return array<string, array{array<string, mixed>, string}> configuration and a part of the message */
    public static function refusals(): array
    {
        $options = 'database.redis.options';
        $store = ['driver' => 'database', 'connection' => 'shop'];
        $connection = fn (array $keys): array => [
            'presence.cache.store' => 'shop', 'cache.stores.shop' => $store, 'database.connections.shop' => $keys,
        ];

        return [
            'igbinary' => [
                ["{$options}.serializer" => 2], 'igbinary (option "serializer" of the Redis connection "cache"',
            ],
            'msgpack' => [["{$options}.serializer" => '3'], 'msgpack'],
            'JSON' => [['database.redis.cache.serializer' => 4], 'json (option "serializer"'],
            'TLS options' => [
                ['database.redis.cache.context' => ['stream' => ['capath' => '/ca', 'passphrase' => 'hush']]],
                'TLS options capath, passphrase',
            ],
            'two sets of TLS files' => [
                ['database.redis.cache' => [
                    'sentinel_host' => 'sentinel.test', 'sentinel_ssl' => ['cafile' => '/sentinels.pem'],
                    'context' => ['cafile' => '/masters.pem'],
                ], 'database.redis.client' => 'phpredis-sentinel'],
                'other TLS files for some of its servers or Sentinels',
            ],
            'no store' => [['presence.cache.store' => 'none'], 'The cache store "none"'],
            'SQL Server' => [$connection(['driver' => 'sqlsrv']), 'has the driver "sqlsrv"'],
            'SQLite in memory' => [$connection(['driver' => 'sqlite', 'database' => ':memory:']), 'is in memory'],
            'schema' => [$connection(['driver' => 'pgsql', 'search_path' => '"$user", pres']), 'search_path "pres"'],
            'client certificate' => [$connection(['driver' => 'pgsql', 'sslcert' => '/a.pem']), 'client certificate'],
            'url-safe webhook secret' => [
                ['presence.webhook.receiver.path' => 'hooks', 'presence.webhook.secret' => 'whsec_-_--'],
                'PRESENCE_WEBHOOK_SECRET is not base64 in the standard alphabet after whsec_',
            ],
            'url-safe previous secret' => [
                ['presence.webhook.receiver.path' => 'x', 'presence.webhook.previous_secrets' => ['a', 'whsec_-_--']],
                'PRESENCE__WEBHOOK__PREVIOUS_SECRETS is not base64',
            ],
        ];
    }

    /** @dataProvider refusals */
    #[DataProvider('refusals')]
    public function test_sidecar_command_refuses_by_name_what_sidecar_cannot_follow(array $config, string $reason): void
    {
        $this->reconfigure($config);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString($reason, $output);
        self::assertFileDoesNotExist($path);
    }

    public function test_sidecar_command_warns_of_compression_which_sidecar_reads(): void
    {
        $connection = ['LZF' => 1, 'ZSTD' => 2, 'LZ4' => 3];
        foreach ($connection as $name => $value) {
            $this->reconfigure(['database.redis.cache.options' => ['compression' => $value]]);
            [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => storage_path('sidecar.toml')]);
            self::assertSame(0, $status, $output);
            $warning = "warning: phpredis compresses the records with {$name} (option \"compression\"";
            self::assertStringContainsString($warning, $output);
        }
    }

    public function test_sidecar_command_accepts_serializer_that_writes_same_form(): void
    {
        $this->reconfigure(['database.redis.options.serializer' => 1]);
        $isSerializedOnce = version_compare(Application::VERSION, '11', '>=');
        Cache::put('answer', ['meta' => []]);
        $stored = unserialize(self::redis()->client(1)->get(self::redisKey('answer')));
        self::assertSame($isSerializedOnce ? ['meta' => []] : serialize(['meta' => []]), $stored);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => storage_path('sidecar.toml')]);
        self::assertSame($isSerializedOnce ? 0 : 1, $status, $output);
        $isRefused = str_contains($output, 'phpredis encodes the records with PHP\'s serialize() a second time');
        self::assertSame(! $isSerializedOnce, $isRefused, $output);
        $this->reconfigure(['database.redis.options.serializer' => 2, 'database.redis.client' => 'predis']);
        self::assertStringContainsString('cache.store = "redis"', $this->printedConfiguration());
    }

    public function test_sidecar_command_rejects_unshareable_cache_store(): void
    {
        $this->reconfigure(['presence.cache.store' => 'file']);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString('The cache store "file" (driver "file") cannot be shared', $output);
        self::assertFileDoesNotExist($path);
    }
}

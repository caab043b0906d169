<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Sidecar\AppFacts;
use AesirCloud\Presence\Tests\Support\Sidecar;
use PHPUnit\Framework\Attributes\DataProvider;

/** Redis on several servers, as Laravel and its packages configure it. */
final class RedisServersTest extends TestCase
{
    /** @return array<string, array{array<string, mixed>, list<string>, string}> configuration, lines, description */
    public static function clusters(): array
    {
        $nodes = [['host' => 'a.test', 'port' => 7001, 'database' => 3], ['host' => 'tls://b.test']];
        $cluster = fn (string $client, array $options = []): array => [
            'cache.stores.redis.connection' => 'many', 'database.redis.client' => $client,
            'database.redis.clusters' => ['many' => $nodes, 'options' => $options],
        ];
        $predis = ['database.redis.client' => 'predis'];

        return [
            'cluster of phpredis' => [
                $cluster('phpredis', ['password' => 'of-nodes']),
                [
                    'redis.cluster = ["a.test:7001", "tls://b.test:6379"]', 'redis.cache_db = 0', 'redis.db = 0',
                    'redis.prefix = "demo_database_"',
                ],
                'Redis Cluster a.test:7001, tls://b.test:6379, database 0',
            ],
            'cluster of Predis, which selects the database' => [
                $cluster('predis', ['cluster' => 'redis']),
                ['redis.cluster = ["a.test:7001", "tls://b.test:6379"]', 'redis.cache_db = 3', 'redis.db = 0'],
                'Redis Cluster a.test:7001, tls://b.test:6379, database 3',
            ],
            'nodes in the place of a server' => [
                $predis + ['database.redis.cache' => [...$nodes, 'options' => ['cluster' => 'redis']]],
                ['redis.cluster = ["a.test:7001", "tls://b.test:6379"]'],
                'Redis Cluster',
            ],
        ];
    }

    /** @return array<string, array{array<string, mixed>, list<string>, string}> configuration, lines, description */
    public static function sentinels(): array
    {
        $sentinels = ['tcp://s1.test:26380?timeout=0.1', ['host' => 's2.test', 'password' => 'of-sentinels']];
        $service = ['service' => 'shop', 'parameters' => ['password' => 'of-master', 'database' => 4]];
        $store = ['driver' => 'redis-sentinel', 'connection' => 'cache'];

        return [
            'Sentinels of Predis' => [
                ['database.redis.client' => 'predis', 'database.redis.cache' => $sentinels + [
                    'options' => $service + ['replication' => 'sentinel'],
                ]],
                ['redis.sentinels = ["s1.test:26380", "s2.test:26379"]', 'redis.sentinel_service = "shop"'],
                'Redis master shop of the Sentinels s1.test:26380, s2.test:26379, database 4',
            ],
            'namoshek/laravel-redis-sentinel' => [
                ['database.redis.client' => 'phpredis-sentinel', 'database.redis.cache' => [
                    'sentinel_host' => 's.test', 'sentinel_port' => 26380, 'sentinel_service' => 'shop',
                    'sentinel_username' => 'ada', 'password' => 'hush', 'database' => 5,
                ]],
                [
                    'redis.sentinels = ["s.test:26380"]', 'redis.sentinel_service = "shop"', 'redis.cache_db = 5',
                    'redis.sentinel_username = "ada"',
                ],
                'Redis master shop of the Sentinels s.test:26380, database 5',
            ],
            'monospice/laravel-redis-sentinel-drivers' => [
                ['presence.cache.store' => 'kept', 'cache.stores.kept' => $store, 'database.redis-sentinel' => [
                    'cache' => [['host' => 's1.test, s2.test', 'port' => 26379]],
                    'options' => $service + ['prefix' => 'shared:'],
                ]],
                [
                    'cache.store = "redis"', 'redis.sentinels = ["s1.test:26379", "s2.test:26379"]',
                    'redis.sentinel_service = "shop"', 'redis.cache_db = 4', 'redis.prefix = "shared:"',
                ],
                'Redis master shop of the Sentinels s1.test:26379, s2.test:26379, database 4',
            ],
        ];
    }

    /** @return array<string, array{array<string, mixed>, string}> configuration and a part of the message */
    public static function refusals(): array
    {
        $predis = ['database.redis.client' => 'predis'];

        return [
            'cluster of Predis alone' => [
                $predis + [
                    'cache.stores.redis.connection' => 'many',
                    'database.redis.clusters.many' => [['host' => 'a.test'], ['host' => 'b.test']],
                ],
                'Predis itself divides the keys of "many" among its servers (option "cluster")',
            ],
            'replication of Predis' => [
                $predis + ['database.redis.cache' => ['tcp://a.test?role=master', 'tcp://b.test', 'options' => [
                    'replication' => 'predis',
                ]]],
                'replicates with Predis (option "replication")',
            ],
            'no Sentinels' => [
                ['database.redis.client' => 'phpredis-sentinel', 'database.redis.cache' => ['host' => 'a.test']],
                'The Redis connection "cache" names no Sentinels',
            ],
        ];
    }

    /** @dataProvider refusals */
    #[DataProvider('refusals')]
    public function test_servers_that_sidecar_cannot_follow_are_refused_by_name(array $config, string $reason): void
    {
        $this->reconfigure($config);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString($reason, $output);
        self::assertFileDoesNotExist($path);
    }

    /**
     * @dataProvider clusters
     * @dataProvider sentinels
     */
    #[DataProvider('clusters')]
    #[DataProvider('sentinels')]
    public function test_configuration_names_servers_that_app_uses(array $config, array $lines, string $words): void
    {
        $this->reconfigure($config);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        $command = escapeshellarg(Sidecar::binary()) . ' config --config ' . escapeshellarg($path) . ' 2>&1';
        exec($command, $printed, $status);
        $printed = (string) preg_replace('/ +#.*/', '', implode("\n", $printed));
        self::assertSame(0, $status, $printed);
        foreach ($lines as $line) {
            self::assertStringContainsString("\n{$line}\n", "\n{$printed}\n");
        }
        $facts = $this->app->make(AppFacts::class)->all();
        self::assertStringContainsString($words, $facts['store']);
    }

    public function test_passwords_are_written_for_servers_that_have_them(): void
    {
        $this->reconfigure(self::sentinels()['Sentinels of Predis'][0]);
        $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('password = "of-master"', $written);
        self::assertStringNotContainsString('sentinel_password', $written);
        $this->reconfigure(self::clusters()['cluster of phpredis'][0]);
        $this->runCommand('presence:sidecar', ['--path' => $path]);
        self::assertStringContainsString('password = "of-nodes"', (string) file_get_contents($path));
    }
}

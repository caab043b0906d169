<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use PHPUnit\Framework\Attributes\DataProvider;

/** What presence:sidecar writes of the TLS connections to Redis. */

final class SidecarTlsTest extends TestCase
{
    /** @return array<string, array{array<string, mixed>}> connections to Redis with TLS files */
    public static function tlsFiles(): array
    {
        $files = ['cafile' => '/ca.pem', 'local_cert' => '/client.pem', 'local_pk' => '/client.key'];
        $predis = ['database.redis.client' => 'predis', 'database.redis.options.prefix' => ''];
        $server = ['host' => 'tls://redis.test', 'port' => 6380];
        $sentinels = [['host' => 'sentinel.test', 'ssl' => $files], 'options' => [
            'replication' => 'sentinel', 'service' => 'main', 'parameters' => ['ssl' => $files],
        ]];

        return [
            'phpredis' => [['database.redis.cache' => $server + ['context' => ['stream' => $files]]]],
            'Predis' => [$predis + ['database.redis.cache' => $server + ['ssl' => $files]]],
            'nodes of a cluster' => [$predis + [
                'database.redis.cache' => [$server + ['ssl' => $files], 'options' => ['cluster' => 'redis']],
            ]],
            'second node of a cluster' => [$predis + [
                'database.redis.cache' => [$server, $server + ['ssl' => $files], 'options' => ['cluster' => 'redis']],
            ]],
            'options of a cluster' => [[
                'database.redis.cache' => [$server], 'database.redis.options.context' => ['ssl' => $files],
            ]],
            'Sentinels' => [$predis + ['database.redis.cache' => $sentinels]],
        ];
    }

    /** @dataProvider tlsFiles */
    #[DataProvider('tlsFiles')]
    public function test_written_configuration_has_tls_files_of_redis(array $config): void
    {
        $this->reconfigure($config);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('ssl_ca = "/ca.pem"', $written);
        self::assertStringContainsString('ssl_cert = "/client.pem"', $written);
        self::assertStringContainsString('ssl_key = "/client.key"', $written);
    }

    public function test_sidecar_command_refuses_files_that_differ_between_nodes(): void
    {
        $node = fn (string $file): array => ['host' => 'tls://redis.test', 'ssl' => ['cafile' => $file]];
        $this->reconfigure([
            'database.redis.client' => 'predis', 'database.redis.options.prefix' => '',
            'database.redis.cache' => [$node('/ca.pem'), $node('/other.pem'), 'options' => ['cluster' => 'redis']],
        ]);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString('other TLS files for some of its servers', $output);
    }

    public function test_sidecar_command_warns_of_certificate_that_app_does_not_verify(): void
    {
        $this->reconfigure(['database.redis.cache.context' => ['stream' => ['verify_peer' => false]]]);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => storage_path('sidecar.toml')]);
        self::assertSame(0, $status);
        self::assertStringContainsString('does not verify', $output);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Tests\Support\HttpClient;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;
use AesirCloud\Presence\Tests\Support\WebServer;
use ReflectionProperty;

/** The HTTP connection to the sidecar. */
final class ConnectionTest extends TestCase
{
    private const PATH = '/api/v1/presence/counts';

    public function test_calls_of_a_process_share_one_connection(): void
    {
        $client = $this->app->make(Client::class);
        self::assertSame($client, $this->app->make(Client::class));
        $client->get(self::PATH);
        $curl = (new ReflectionProperty($client, 'curl'))->getValue($client);
        foreach ([1, 2, 3] as $_) {
            $client->get(self::PATH);
            self::assertSame(0, curl_getinfo($curl, CURLINFO_NUM_CONNECTS));
        }
    }

    public function test_forked_process_opens_new_connection(): void
    {
        $client = $this->app->make(Client::class);
        $client->get(self::PATH);
        $curl = new ReflectionProperty($client, 'curl');
        $shared = $curl->getValue($client);
        $child = pcntl_fork();
        if ($child === 0) {
            $client->get(self::PATH);
            file_put_contents(storage_path('is-new'), var_export($curl->getValue($client) !== $shared, true));
            posix_kill(getmypid(), SIGKILL); // Skips shutdown functions, which would stop the parent's servers.
        }
        pcntl_waitpid($child, $status);
        self::assertStringEqualsFile(storage_path('is-new'), 'true');
        $client->get(self::PATH);
        self::assertSame($shared, $curl->getValue($client));
    }

    public function test_requests_of_a_php_fpm_worker_share_one_connection(): void
    {
        if (! WebServer::isInstalled() || ! function_exists('curl_share_init_persistent')) {
            self::markTestSkipped('PHP 8.5, its php-fpm or nginx is missing');
        }
        $sidecar = new Sidecar(self::redis());
        $port = Process::freePort();
        $server = new WebServer(__DIR__ . '/bench/public', $port, workers: 1);
        $call = http_build_query([
            'call' => 'status',
            'redis' => self::redis()->port,
            'url' => $sidecar->url,
            'unix' => '',
            'storage' => Process::folder(),
        ]);
        $client = new HttpClient("http://127.0.0.1:{$port}");
        foreach ([1, 2, 3] as $_) {
            self::assertSame(200, $client->request("/?{$call}")[0], $server->output());
        }
        $headers = ['Authorization: Bearer ' . Sidecar::TOKEN];
        $metrics = (new HttpClient($sidecar->url))->request('/metrics', headers: $headers)[1];
        // The worker's, which is open after its requests, and this one.
        self::assertStringContainsString("\npresence_sidecar_connections_open 2\n", $metrics);
        $sidecar->stop();
        $restarted = new Sidecar(self::redis(), port: $sidecar->port);
        self::assertSame(200, $client->request("/?{$call}")[0], $restarted->output() . $server->output());
    }
}

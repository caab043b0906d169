<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Sidecar\Client;
use ReflectionProperty;

/** The connection to the sidecar. */
final class ConnectionTest extends TestCase
{
    private const PATH = '/api/v1/presence/counts';

    public function test_all_calls_of_a_process_share_one_connection(): void
    {
        $client = $this->app->make(Client::class);
        self::assertSame($client, $this->app->make(Client::class));
        $client->get(self::PATH);
        $curl = (new ReflectionProperty($client, 'curl'))->getValue($client);
        foreach ([1, 2, 3] as $ignored) {
            $client->get(self::PATH);
            self::assertSame(0, curl_getinfo($curl, CURLINFO_NUM_CONNECTS));
        }
    }

    public function test_a_fork_opens_a_connection_of_its_own(): void
    {
        $client = $this->app->make(Client::class);
        $client->get(self::PATH);
        $curl = new ReflectionProperty($client, 'curl');
        $shared = $curl->getValue($client);
        $child = pcntl_fork();
        if ($child === 0) {
            $client->get(self::PATH);
            file_put_contents(storage_path('own'), var_export($curl->getValue($client) !== $shared, true));
            posix_kill(getmypid(), SIGKILL); // It must not end the servers that its parent has started.
        }
        pcntl_waitpid($child, $status);
        self::assertStringEqualsFile(storage_path('own'), 'true');
        $client->get(self::PATH);
        self::assertSame($shared, $curl->getValue($client));
    }
}

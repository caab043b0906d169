<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Sidecar\Client;
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
}

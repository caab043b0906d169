<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Redis;

/** A Redis server for the test run. */
final class RedisServer extends Process
{
    public readonly int $port;

    public function __construct()
    {
        $this->port = self::freePort();
        $options = ['--port', (string) $this->port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
        parent::__construct(['redis-server', ...$options], self::folder());
        $this->await(fn (): bool => self::isListening($this->port));
    }

    /** Connects to a database, without a key prefix. */
    public function client(int $database = 0): Redis
    {
        $client = new Redis();
        $client->connect('127.0.0.1', $this->port);
        $client->select($database);

        return $client;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Redis;

/** A Redis of the test's own. */
final class RedisServer extends Process
{
    public readonly int $port;

    public function __construct()
    {
        $this->port = self::port();
        $options = ['--port', (string) $this->port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
        parent::__construct(['redis-server', ...$options], self::folder());
        $this->await(fn (): bool => self::listens($this->port));
    }

    /** A connection to one of its databases, without any prefix. */
    public function client(int $database = 0): Redis
    {
        $client = new Redis();
        $client->connect('127.0.0.1', $this->port);
        $client->select($database);

        return $client;
    }
}

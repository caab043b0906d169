<?php

$server = [
    'host' => env('REDIS_HOST', '127.0.0.1'),
    'port' => env('REDIS_PORT', 6379),
    'password' => env('REDIS_PASSWORD'),
];
$nodes = array_map(
    fn (string $node): array => array_combine(['host', 'port'], explode(':', $node)),
    array_filter(explode(',', (string) env('DEMO_REDIS_CLUSTER')))
);
$connections = $nodes !== [] ? ['clusters' => ['cache' => $nodes]] : [
    'default' => $server + ['database' => 0],
    'cache' => $server + ['database' => 1],
];

return [
    'default' => env('DB_CONNECTION', 'none'),
    'connections' => [
        'none' => ['driver' => 'sqlite', 'database' => ':memory:'],
        'sqlite' => ['driver' => 'sqlite', 'database' => env('DB_DATABASE'), 'prefix' => ''],
    ],
    'redis' => [
        'client' => 'phpredis',
        'options' => ['prefix' => env('REDIS_PREFIX', 'demo_database_')],
    ] + $connections,
];

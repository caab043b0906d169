<?php

return [
    'default' => env('CACHE_STORE', 'redis'),
    'prefix' => env('CACHE_PREFIX', 'demo_cache'),
    'stores' => [
        'redis' => ['driver' => 'redis', 'connection' => 'cache'],
        'database' => ['driver' => 'database', 'table' => 'cache'],
        'array' => ['driver' => 'array'],
        'file' => ['driver' => 'file', 'path' => storage_path('framework/cache')],
    ],
];

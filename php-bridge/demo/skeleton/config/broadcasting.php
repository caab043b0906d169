<?php

return [
    // The demo's pages listen on Redis; see Demo\EventStream.
    'connections' => ['redis' => ['driver' => 'redis', 'connection' => 'default']],
];

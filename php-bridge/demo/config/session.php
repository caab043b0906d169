<?php

return [
    'driver' => 'file',
    'lifetime' => 120,
    'files' => storage_path('framework/sessions'),
    'lottery' => [0, 100],
    'cookie' => 'demo_session',
    'path' => '/',
    'http_only' => true,
    'same_site' => 'lax',
];

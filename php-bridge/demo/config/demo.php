<?php

return [
    // Seconds between two heartbeats of a page.
    'every' => env('DEMO_HEARTBEAT_SECONDS', 10),
];

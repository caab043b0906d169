<?php

return [
    // Seconds between the heartbeats of a page.
    'every' => env('DEMO_HEARTBEAT_SECONDS', 10),
];

<?php

/*
 * The app that fpm.php asks. A request is one call, as a fresh process would make it:
 *
 *   ?call=heartbeat|status|none&redis=PORT&url=URL&unix=PATH&storage=FOLDER[&connected=1]
 *
 * It answers with the latency of the call, and the processor time of this worker at the beginning of the request, both
 * in microseconds.
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\PresenceManager;
use Demo\User;

require __DIR__ . '/../app.php';

$startedAt = processorTime();
$app = app((int) $_GET['redis'], $_GET['url'] ?: null, $_GET['unix'] ?: null, $_GET['storage']);
$presence = $app->make(PresenceManager::class);
$user = User::find(1);
if (isset($_GET['connected'])) {
    $app->make('cache')->get('any');
}
$begin = hrtime(true);
match ($_GET['call']) {
    'heartbeat' => $presence->heartbeat($user, ['ip' => '127.0.0.1', 'ua' => 'Mozilla/5.0 (X11; Linux x86_64)']),
    'status' => $presence->status(1),
    'none' => null,
};
echo json_encode(['latency' => (hrtime(true) - $begin) / 1000, 'started_at' => $startedAt]);

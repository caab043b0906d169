<?php

declare(strict_types=1);

use AesirCloud\Presence\Http\Controllers\HeartbeatController;
use AesirCloud\Presence\Http\Controllers\ScriptController;
use AesirCloud\Presence\Http\Controllers\TokenController;
use AesirCloud\Presence\Http\Controllers\WebhookController;
use AesirCloud\Presence\Http\Middleware\UseGuard;
use Illuminate\Support\Facades\Route;

$routing = config('presence.routing');
$receiver = config('presence.webhook.receiver');

$throttle = empty($routing['throttle']) ? [] : ["throttle:{$routing['throttle']}"];
$middleware = [UseGuard::class, ...$routing['middleware'], ...$throttle];
$group = ['prefix' => $routing['prefix'], 'middleware' => $middleware];
Route::group($group, function () use ($routing): void {
    if ($routing['register_heartbeat_route']) {
        Route::post('heartbeat', HeartbeatController::class)->name('presence.heartbeat');
    }
    if (config('presence.sidecar.public_url')) {
        Route::get('token', TokenController::class)->name('presence.token');
    }
});

// Without an extension, since web servers answer for files by themselves.
Route::get(trim((string) $routing['prefix'], '/') . '/script', ScriptController::class)->name('presence.script');

if ($receiver['path']) {
    Route::post($receiver['path'], WebhookController::class)
        ->middleware($receiver['middleware'])
        ->name('presence.webhook');
}

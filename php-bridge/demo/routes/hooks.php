<?php

declare(strict_types=1);

use Demo\PresenceUpdatedBroadcast;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Route;

/*
 * A webhook receiver written for aesircloud/laravel-presence: it verifies X-Presence-Signature with one secret and
 * broadcasts the body.
 */
Route::post('/hooks/presence', function (Request $request) {
    parse_str(str_replace(',', '&', (string) $request->header('X-Presence-Signature')), $signature);
    $signed = ($signature['t'] ?? '') . '.' . $request->getContent();
    $expected = hash_hmac(config('presence.webhook.algo'), $signed, (string) config('presence.webhook.secret'));
    abort_unless(hash_equals($expected, $signature['v1'] ?? ''), 401);
    event(new PresenceUpdatedBroadcast($request->json()->all()));

    return response()->noContent();
})->name('hooks.presence');

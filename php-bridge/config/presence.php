<?php

/*
 * Presence, as the app sees it. The keys of aesircloud/laravel-presence keep their names and meanings, so a published
 * config/presence.php of that package stays as it is: whatever it lacks is taken from here.
 *
 * The sidecar has a configuration of its own; `php artisan presence:sidecar` writes it from this one.
 */

return [

    // "cache", or "webhook" to have the sidecar post each transition to webhook.url.
    'driver' => env('PRESENCE_DRIVER', 'cache'),

    'sidecar' => [
        // Where the sidecar listens: an address, or the path of a unix socket, which wins. With neither, presence is
        // kept in the cache by this package alone, without sessions, away events and rosters.
        'url' => env('PRESENCE_SIDECAR_URL'),
        'unix' => env('PRESENCE_SIDECAR_SOCKET'),

        // The sidecar's service token. Of a comma list, as it is used while tokens are changed, the first is sent.
        'token' => env('PRESENCE_TOKEN'),

        // Seconds for one call, from connecting to the end of the answer.
        'timeout' => env('PRESENCE_SIDECAR_TIMEOUT', 0.5),

        // What a call that failed does: "report" it to the app's exception handler, at most once a minute; "throw" it
        // into the caller; "ignore" it.
        'on_failure' => env('PRESENCE_SIDECAR_ON_FAILURE', 'report'),

        // Whether the app's cache, which holds the same records, stands in for a sidecar that does not answer.
        'fallback' => true,

        // Where browsers reach the sidecar. Unset, heartbeats of pages go to this app's own route.
        'public_url' => env('PRESENCE_SIDECAR_PUBLIC_URL'),

        // Tokens for pages that talk to the sidecar. Without a secret of their own they are signed with the token.
        'user_tokens' => [
            'secret' => env('PRESENCE_USER_TOKEN_SECRET'),
            'ttl_seconds' => env('PRESENCE_SIDECAR_USER_TOKEN_TTL', 600),
        ],

        // Tokens of the messaging API, for the Messages facade.
        'admin_token' => env('ADMIN_TOKEN'),
        'operator_token' => env('OPERATOR_TOKENS'),
    ],

    'cache' => [
        // A store of config/cache.php; null is the default one.
        'store' => env('PRESENCE_CACHE_STORE'),

        // Seconds after the last heartbeat until a user is offline, and until a user is away.
        'ttl_seconds' => env('PRESENCE_TTL', 120),
        'away_after_seconds' => env('PRESENCE_AWAY_AFTER', 90),
    ],

    'webhook' => [
        // Where the sidecar posts to. Unset, it is the receiver below.
        'url' => env('PRESENCE_WEBHOOK_URL'),

        // What it signs with, and what it may still sign with while secrets are changed.
        'secret' => env('PRESENCE_WEBHOOK_SECRET'),
        'previous_secrets' => array_values(array_filter(
            array_map('trim', explode(',', (string) env('PRESENCE__WEBHOOK__PREVIOUS_SECRETS')))
        )),

        'timeout' => 3,
        'retries' => 1,
        'signature_header' => 'X-Presence-Signature',
        'algo' => 'sha256',
        'send_on' => [
            'online' => true,
            'offline' => true,
            'heartbeat' => false,
            'away' => true,
        ],
        'headers' => [],

        // The receiver of this package. With a path, such as "hooks/presence", it takes the sidecar's webhooks and
        // dispatches the events; they then come from there alone.
        'receiver' => [
            'path' => env('PRESENCE_SIDECAR_WEBHOOK_PATH'),
            'middleware' => [],
            'tolerance_seconds' => 300,

            // Whether it also broadcasts presence.updated, on presence.global and on presence.user.{id}.
            'broadcast' => env('PRESENCE_SIDECAR_BROADCAST', false),
        ],
    ],

    'routing' => [
        // The routes for pages: POST {prefix}/heartbeat, and GET {prefix}/token if sidecar.public_url is set.
        'register_heartbeat_route' => true,
        'prefix' => 'presence',
        'middleware' => ['web', 'auth'],
        'throttle' => '60,1',
    ],

    'scope' => [
        // Kept for old configurations; the guard always is a part of the key.
        'include_guard' => true,

        // What tells users apart beyond their ids: an invokable class's name or a closure (which config:cache cannot
        // store) that returns ['tenant' => …, 'location' => …, 'domain' => …, 'guard' => …], each part optional.
        'resolver' => null,
    ],

];

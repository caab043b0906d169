<?php

/*
 * The app's presence configuration. The keys of aesircloud/laravel-presence keep their names and meanings: a published
 * config/presence.php of that package works unchanged, and missing keys get the defaults below.
 *
 * The sidecar has its own configuration file. `php artisan presence:sidecar` generates it from this configuration. An
 * empty environment variable counts as unset.
 */

return [

    // "cache", or "webhook": the sidecar posts each transition to webhook.url.
    'driver' => env('PRESENCE_DRIVER') ?: 'cache',

    'sidecar' => [
        // Address of the sidecar: a URL, or the path of a unix socket, which takes precedence. With neither, this
        // package stores presence in the app's cache, without sessions, away events, rosters and webhooks.
        'url' => env('PRESENCE_SIDECAR_URL'),
        'unix' => env('PRESENCE_SIDECAR_SOCKET'),

        // The sidecar's program on this host, for presence:serve and presence:doctor. If unset, the one that
        // presence:install fetched, else the one in PATH.
        'binary' => env('PRESENCE_SIDECAR_BINARY'),

        // Address of the folder with the sidecar's release archives, for presence:install.
        'release_url' => env('PRESENCE_SIDECAR_RELEASE_URL'),

        // The sidecar's service token. A comma-separated list is allowed during rotation; the first token is sent.
        'token' => env('PRESENCE_TOKEN'),

        // Timeout of one call in seconds, including the connection.
        'timeout' => env('PRESENCE_SIDECAR_TIMEOUT') ?: 0.5,

        // Handling of failed calls: "report" to the app's exception handler, at most once a minute; "throw" to the
        // caller; or "ignore".
        'on_failure' => env('PRESENCE_SIDECAR_ON_FAILURE') ?: 'report',

        // Whether reads and heartbeats use the app's cache, which holds the same records, while the sidecar is down.
        'fallback' => true,

        // Address of the sidecar for browsers. If unset, pages send heartbeats to the app's own route.
        'public_url' => env('PRESENCE_SIDECAR_PUBLIC_URL'),

        // Tokens for pages that call the sidecar. They are signed with the secret or, if it is unset, with the token.
        'user_tokens' => [
            'secret' => env('PRESENCE_USER_TOKEN_SECRET'),
            'ttl_seconds' => env('PRESENCE_SIDECAR_USER_TOKEN_TTL') ?: 600,

            // Whom the pages of a user may watch, for GET {prefix}/token: the name of an invokable class that gets the
            // user and returns ids, or "scope" for all users of the user's own scope. Null means none.
            'watch' => null,
        ],

        // Tokens of the messaging API, used by the Messages facade.
        'admin_token' => env('ADMIN_TOKEN'),
        'operator_token' => env('OPERATOR_TOKENS'),
    ],

    'cache' => [
        // A store of config/cache.php; null means the default store.
        'store' => env('PRESENCE_CACHE_STORE'),

        // Seconds after the last heartbeat until a user is offline (ttl) or away. A browser runs the timers of a hidden
        // tab once a minute, so with a TTL of 60 or less its user goes offline between two heartbeats.
        'ttl_seconds' => env('PRESENCE_TTL') ?: 120,
        'away_after_seconds' => env('PRESENCE_AWAY_AFTER') ?: 90,
    ],

    'webhook' => [
        // URL that the sidecar posts to. If unset, the receiver below is used.
        'url' => env('PRESENCE_WEBHOOK_URL'),

        // Signing secret, and previous secrets that are still accepted during rotation.
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

        // The package's webhook receiver. With a path, such as "hooks/presence", it verifies the sidecar's webhooks and
        // dispatches their events; the app's own calls then no longer dispatch transitions.
        'receiver' => [
            'path' => env('PRESENCE_SIDECAR_WEBHOOK_PATH'),
            'middleware' => [],
            'tolerance_seconds' => 300,

            // Whether to broadcast presence.updated on the channels of the section "broadcast".
            'broadcast' => env('PRESENCE_SIDECAR_BROADCAST', false),
        ],
    ],

    'broadcast' => [
        'channels' => [
            // Public channels; the live badge listens on the first. Reverb guards every channel whose name begins with
            // "presence" or "private", so pages can listen on presence.global only with other servers.
            'public' => ['status.global', 'presence.global'],

            // Private channel of a user. Bytes of the id other than letters, digits and -_@,; are written as =XX.
            'user' => 'presence.user.{id}',
        ],

        // Maximum size in bytes of a request to the broadcaster: 10,000 for Reverb and Pusher, 0 = unlimited. A change
        // that is larger is broadcast without its meta.
        'max_bytes' => 10000,
    ],

    'routing' => [
        // Routes for pages: POST {prefix}/heartbeat, and GET {prefix}/token if sidecar.public_url is set.
        'register_heartbeat_route' => true,
        'prefix' => 'presence',
        'middleware' => ['web', 'auth'],
        'throttle' => '60,1',
    ],

    'scope' => [
        // Accepted for compatibility and ignored: the guard is always part of the key.
        'include_guard' => true,

        // Resolves the scope of a request: the name of an invokable class, or a closure (not with config:cache). It
        // returns ['tenant' => …, 'location' => …, 'domain' => …, 'guard' => …]; each part is optional.
        'resolver' => null,
    ],

];

<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Auth\Middleware\Authenticate;
use Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse;
use Illuminate\Cookie\Middleware\EncryptCookies;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Foundation\Http\Middleware\VerifyCsrfToken;
use Illuminate\Routing\Middleware\SubstituteBindings;
use Illuminate\Routing\Middleware\ThrottleRequests;
use Illuminate\Session\Middleware\StartSession;

/** The middleware of Laravel's app skeleton, and the package's. */
final class HttpKernel extends Kernel
{
    protected $middleware = [
        \AesirCloud\Presence\Http\Middleware\UpdatePresence::class,
    ];

    protected $middlewareGroups = [
        'web' => [
            EncryptCookies::class,
            AddQueuedCookiesToResponse::class,
            StartSession::class,
            VerifyCsrfToken::class,
            SubstituteBindings::class,
        ],
    ];

    protected $routeMiddleware = ['auth' => Authenticate::class, 'throttle' => ThrottleRequests::class];

    protected $middlewareAliases = ['auth' => Authenticate::class, 'throttle' => ThrottleRequests::class];
}

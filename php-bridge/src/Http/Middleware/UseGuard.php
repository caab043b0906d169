<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Middleware;

use Closure;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;

/** Selects the guard of a page with the heartbeat script; the middleware `auth` then checks the user of this guard. */
final class UseGuard
{
    public function handle(Request $request, Closure $next): mixed
    {
        $guard = $request->query('guard');
        if (is_string($guard) && config("auth.guards.{$guard}.driver") === 'session') {
            Auth::shouldUse($guard);
        }

        return $next($request);
    }
}

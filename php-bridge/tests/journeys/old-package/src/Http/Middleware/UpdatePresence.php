<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Middleware;

use AesirCloud\Presence\Facades\Presence;
use Closure;
use Illuminate\Http\Request;

/** Records each request as a heartbeat. */
final class UpdatePresence
{
    public function handle(Request $request, Closure $next): mixed
    {
        $response = $next($request);
        if ($request->user() !== null) {
            Presence::heartbeat($request->user(), ['by' => 'the old package']);
        }

        return $response;
    }
}

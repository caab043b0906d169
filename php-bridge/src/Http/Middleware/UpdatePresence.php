<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Middleware;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Store;
use Closure;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Response;

/** Takes requests for signs of life: one each 30 seconds per session, after the response is sent. */
final class UpdatePresence
{
    private const EVERY_SECONDS = 30;

    public function __construct(private readonly Store $store)
    {
    }

    public function handle(Request $request, Closure $next): mixed
    {
        return $next($request);
    }

    /** Here the session is known wherever the middleware stands, and nobody waits any more. */
    public function terminate(Request $request, Response $response): void
    {
        $user = $request->user();
        if ($user === null || $request->routeIs('presence.heartbeat', 'presence.token')) {
            return; // A page that says it idles or ends must not be taken for a visit.
        }
        $whose = $request->hasSession() ? 'session:' . $request->session()->getId() : 'user:' . Key::for($user);
        rescue(function () use ($request, $user, $whose): void {
            // Not kept in the session: that is saved by now, and saving it again would undo what others wrote.
            if ($this->store->open()->add('presence:beat:' . sha1($whose), true, self::EVERY_SECONDS)) {
                Presence::heartbeat($user, ['ip' => $request->ip()]);
            }
        });
    }
}

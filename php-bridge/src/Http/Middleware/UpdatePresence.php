<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Middleware;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Listeners\LoginMarkedOnline;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Store;
use Closure;
use Illuminate\Http\Request;
use Symfony\Component\HttpFoundation\Response;

/** Takes requests for signs of life: one each 30 seconds per session, after the response is sent. */
final class UpdatePresence
{
    private const EVERY_SECONDS = 30;

    public function __construct(private readonly Store $store, private readonly BrowserSession $browser)
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
        if ($user === null || ! $this->isVisit($request)) {
            return;
        }
        $whose = $request->hasSession() ? 'session:' . $request->session()->getId() : 'user:' . Key::for($user);
        rescue(function () use ($request, $user, $whose): void {
            // Not kept in the session: that is saved by now, and saving it again would undo what others wrote.
            if ($this->store->open()->add('presence:beat:' . sha1($whose), true, self::EVERY_SECONDS)) {
                Presence::heartbeat($user, ['ip' => $request->ip()]);
            }
        });
    }

    /** Pages that beat may be hidden, idle or gone: what they ask for by themselves is no sign of life. */
    private function isVisit(Request $request): bool
    {
        $isOfAPage = $request->headers->get('Sec-Fetch-Dest') === 'empty' && $this->browser->hasPagesThatBeat();

        return ! $isOfAPage
            && ! $request->routeIs('presence.heartbeat', 'presence.token')
            && ! $request->attributes->has(LoginMarkedOnline::class);
    }
}

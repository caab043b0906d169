<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Middleware;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Listeners\LoginMarkedOnline;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\Key;
use Closure;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Symfony\Component\HttpFoundation\Response;

/** Records requests as heartbeats: at most one per session in 30 seconds, after the response was sent. */
final class UpdatePresence
{
    private const INTERVAL_SECONDS = 30;

    public function __construct(private readonly CacheStore $cache, private readonly BrowserSession $browser)
    {
    }

    public function handle(Request $request, Closure $next): mixed
    {
        return $next($request);
    }

    /** Runs after the response, so the client does not wait and the session is available in any middleware order. */
    public function terminate(Request $request, Response $response): void
    {
        $user = $request->user();
        if ($user === null || ! $this->shouldRecord($request)) {
            return;
        }
        rescue(function () use ($request, $user): void {
            // With the guard and the user, because a browser can have one per guard.
            $owner = $request->hasSession()
                ? implode('|', [$request->session()->getId(), Auth::getDefaultDriver(), Key::id($user)])
                : Key::for($user);
            // Not in the session: it was saved already, and saving it again would overwrite concurrent requests.
            if ($this->cache->repository()->add('presence:beat:' . sha1($owner), true, self::INTERVAL_SECONDS)) {
                Presence::heartbeat($user, ['ip' => $request->ip()], sentAt: $this->receivedAt($request));
            }
        });
    }

    /**
     * Returns when the server received the request, in milliseconds, if the environment says so. The page may be closed
     * while the response is still being completed: its end is newer than this request, which then changes nothing.
     */
    private function receivedAt(Request $request): ?int
    {
        $seconds = $request->server->get('REQUEST_TIME_FLOAT');

        return is_numeric($seconds) ? (int) ($seconds * 1000) : null;
    }

    /** A page with the heartbeat script may be hidden or idle: its own fetch() calls do not count as activity. */
    private function shouldRecord(Request $request): bool
    {
        $isScripted = $request->headers->get('Sec-Fetch-Dest') === 'empty' && $this->browser->usesHeartbeatScript();

        return ! $isScripted
            && ! $request->routeIs('presence.heartbeat', 'presence.token')
            && ! $request->attributes->has(LoginMarkedOnline::class);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** Receives the heartbeats of pages, and the end of their sessions. */
final class HeartbeatController
{
    /** The session of a request without one. */
    private const DEFAULT_SESSION = 'default';

    /** Longer user agents are truncated. */
    private const MAX_USER_AGENT_BYTES = 255;

    public function __construct(private readonly BrowserSession $browser)
    {
    }

    public function __invoke(Request $request): JsonResponse
    {
        $user = $request->user() ?? abort(401);
        $session = $this->browser->ensureId() ?? self::DEFAULT_SESSION;
        $agent = mb_strcut(mb_scrub((string) $request->userAgent(), 'UTF-8'), 0, self::MAX_USER_AGENT_BYTES, 'UTF-8');
        $meta = ['ip' => $request->ip(), 'ua' => $agent];
        $sentAt = $this->sentAt($request);
        if ($request->boolean('end')) {
            Presence::offline($user, $meta, $session, $sentAt);
        } else {
            Presence::heartbeat($user, $meta, $session, $request->boolean('active', true), $sentAt);
        }

        return response()->json(['ok' => true]);
    }

    /** Returns the page's own time of sending, in milliseconds; null if it is missing or not an integer. */
    private function sentAt(Request $request): ?int
    {
        $millis = filter_var($request->input('sent_at'), FILTER_VALIDATE_INT);

        return $millis === false ? null : $millis;
    }
}

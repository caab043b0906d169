<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** A page's sign of life, or its end. */
final class HeartbeatController
{
    /** The session of who has none. */
    private const DEFAULT_SESSION = 'default';

    /** Bytes of a user agent that are kept. */
    private const USER_AGENT = 255;

    public function __construct(private readonly BrowserSession $browser)
    {
    }

    public function __invoke(Request $request): JsonResponse
    {
        $user = $request->user() ?? abort(401);
        $session = $this->browser->begin() ?? self::DEFAULT_SESSION;
        $agent = mb_strcut(mb_scrub((string) $request->userAgent(), 'UTF-8'), 0, self::USER_AGENT, 'UTF-8');
        $meta = ['ip' => $request->ip(), 'ua' => $agent];
        $sentAt = $this->sentAt($request);
        if ($request->boolean('end')) {
            Presence::offline($user, $meta, $session, $sentAt);
        } else {
            Presence::heartbeat($user, $meta, $session, $request->boolean('active', true), $sentAt);
        }

        return response()->json(['ok' => true]);
    }

    /** When the page sent this, by its own clock; null if it does not say. */
    private function sentAt(Request $request): ?int
    {
        $millis = filter_var($request->input('sent_at'), FILTER_VALIDATE_INT);

        return $millis === false ? null : $millis;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Session\Session;
use Illuminate\Support\Str;

/**
 * The presence session of the browser that sent this request. Its id is stored in the app's session. The app's own
 * session id is not used: it is a secret, and it changes at each login.
 */
final class BrowserSession
{
    private const ID_KEY = 'presence:session';

    private const SCRIPT_KEY = 'presence:pages-beat';

    /** Returns the id; null if there is none yet, or the request has no session. */
    public function id(): ?string
    {
        return $this->session()?->get(self::ID_KEY);
    }

    /** Returns the id and creates it if necessary; null if the request has no session. */
    public function ensureId(): ?string
    {
        $session = $this->session();
        if ($session !== null && ! $session->has(self::ID_KEY)) {
            $session->put(self::ID_KEY, Str::random(16));
        }

        return $this->id();
    }

    /** Remembers that this browser has a page with the heartbeat script. */
    public function markHeartbeatScript(): void
    {
        $this->ensureId();
        $this->session()?->put(self::SCRIPT_KEY, true);
    }

    /** Returns whether this browser has a page with the heartbeat script, which reports activity itself. */
    public function usesHeartbeatScript(): bool
    {
        return (bool) $this->session()?->get(self::SCRIPT_KEY);
    }

    private function session(): ?Session
    {
        $request = request();

        return $request->hasSession() ? $request->session() : null;
    }
}

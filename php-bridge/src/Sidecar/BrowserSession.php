<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Session\Session;
use Illuminate\Support\Str;

/**
 * The name under which the sidecar knows the browser of this request. It lies in the app's session, because that
 * session's id changes with each login and is nobody else's business.
 */
final class BrowserSession
{
    private const NAME = 'presence:session';

    private const PAGES_BEAT = 'presence:pages-beat';

    /** The name, if this request has a session and that has one. */
    public function name(): ?string
    {
        return $this->session()?->get(self::NAME);
    }

    /** The name, given now if there was none; null without a session. */
    public function begin(): ?string
    {
        $session = $this->session();
        if ($session !== null && ! $session->has(self::NAME)) {
            $session->put(self::NAME, Str::random(16));
        }

        return $this->name();
    }

    /** Notes that the browser's pages have the heartbeat script. */
    public function beginPagesThatBeat(): void
    {
        $this->begin();
        $this->session()?->put(self::PAGES_BEAT, true);
    }

    /** Whether the browser's pages have the heartbeat script, and so know better than their requests who is active. */
    public function hasPagesThatBeat(): bool
    {
        return (bool) $this->session()?->get(self::PAGES_BEAT);
    }

    private function session(): ?Session
    {
        $request = request();

        return $request->hasSession() ? $request->session() : null;
    }
}

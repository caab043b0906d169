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
    private const KEY = 'presence:session';

    /** The name, if this request has a session and that has one. */
    public function name(): ?string
    {
        return $this->session()?->get(self::KEY);
    }

    /** The name, given now if there was none; null without a session. */
    public function begin(): ?string
    {
        $session = $this->session();
        if ($session !== null && ! $session->has(self::KEY)) {
            $session->put(self::KEY, Str::random(16));
        }

        return $this->name();
    }

    private function session(): ?Session
    {
        $request = request();

        return $request->hasSession() ? $request->session() : null;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\View;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\CurrentGuard;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Facades\Auth;

/**
 * Renders @presenceHeartbeat: the module presence.js, which sends heartbeats.
 *
 * The tabs of a browser coordinate, so that one tab sends heartbeats for all. The user is active while a tab is
 * visible. The session ends when the last tab is closed, but not when it navigates within the app. Heartbeats go to the
 * app's own route or, with sidecar.public_url, directly to the sidecar with a token that the page renews before it
 * expires.
 */
final class HeartbeatScript
{
    public function __construct(
        private readonly BrowserModule $module,
        private readonly BrowserSession $browser,
        private readonly CurrentGuard $guard
    ) {
    }

    /**
     * Returns the script element; an empty string for guests.
     *
     * @param array{every?: int, nonce?: string, src?: string} $options seconds between heartbeats; nonce for the
     *     content security policy; address of the module
     */
    public function render(array $options = []): string
    {
        if (! Auth::check()) {
            return '';
        }
        $this->browser->markHeartbeatScript();
        $settings = ['stream' => false, 'every' => $options['every'] ?? 30, 'tabs' => $this->tabsOfSameUser()];

        return $this->module->element($settings + $this->target(), $options);
    }

    /** Returns a name that the tabs of the same user in the same scope share; tabs of others have another one. */
    private function tabsOfSameUser(): string
    {
        return 'presence.' . substr(sha1(Key::for(Auth::user())), 0, 16);
    }

    /** @return array<string, string> */
    private function target(): array
    {
        $sidecar = config('presence.sidecar.public_url');
        $guard = Auth::getDefaultDriver();
        $query = $guard === $this->guard->default ? [] : ['guard' => $guard];
        if (! $sidecar) {
            return ['heartbeat' => route('presence.heartbeat', $query, false), 'csrf' => csrf_token()];
        }

        return [
            'heartbeat' => rtrim($sidecar, '/') . '/' . trim(config('presence.routing.prefix'), '/') . '/heartbeat',
            'token' => Presence::token(Auth::user()),
            'tokenUrl' => route('presence.token', $query, false),
        ];
    }
}

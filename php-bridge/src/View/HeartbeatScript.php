<?php

declare(strict_types=1);

namespace AesirCloud\Presence\View;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Sidecar\UserTokens;
use AesirCloud\Presence\Support\CurrentGuard;
use AesirCloud\Presence\Support\Key;
use Illuminate\Support\Facades\Auth;

/**
 * Renders @presenceHeartbeat: an inline script of less than 3 KB.
 *
 * The tabs of a browser coordinate over a BroadcastChannel, so that one tab sends heartbeats for all. The user is
 * active while a tab is visible. The session ends when the last tab is closed, but not when it navigates within the
 * app. Heartbeats go to the app's own route or, with sidecar.public_url, directly to the sidecar with a token that the
 * script renews before it expires.
 */
final class HeartbeatScript
{
    private const JSON_FLAGS = JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

    public function __construct(
        private readonly UserTokens $tokens,
        private readonly BrowserSession $browser,
        private readonly CurrentGuard $guard
    ) {
    }

    /**
     * Returns the script element; an empty string for guests.
     *
     * @param array{every?: int, nonce?: string} $options seconds between heartbeats; nonce for the
     *     content security policy
     */
    public function render(array $options = []): string
    {
        if (! Auth::check()) {
            return '';
        }
        $this->browser->markHeartbeatScript();
        $nonce = isset($options['nonce']) ? ' nonce="' . e($options['nonce']) . '"' : '';
        $config = ['every' => $options['every'] ?? 30, 'tabs' => $this->tabsOfSameUser()] + $this->target();
        $json = json_encode($config, self::JSON_FLAGS);

        return "<script{$nonce}>{$this->source()}({$json})</script>";
    }

    /** Returns a name that the tabs of the same user in the same scope share; tabs of others have another one. */
    private function tabsOfSameUser(): string
    {
        return 'presence:' . substr(sha1(Key::for(Auth::user())), 0, 16);
    }

    /** Returns the script without its comment lines and indentation. */
    private function source(): string
    {
        $source = (string) file_get_contents(__DIR__ . '/../../resources/js/heartbeat.js');

        return trim((string) preg_replace(['~^\s*//.*\n~m', '/^\s+/m'], '', $source));
    }

    /** @return array<string, int|string> */
    private function target(): array
    {
        $sidecar = config('presence.sidecar.public_url');
        $guard = Auth::getDefaultDriver();
        $query = $guard === $this->guard->default ? [] : ['guard' => $guard];
        if (! $sidecar) {
            return ['url' => route('presence.heartbeat', $query, false), 'csrf' => csrf_token()];
        }

        return [
            'url' => rtrim($sidecar, '/') . '/' . trim(config('presence.routing.prefix'), '/') . '/heartbeat',
            'token' => Presence::token(Auth::user()),
            'ttl' => $this->tokens->ttlSeconds,
            'renew' => route('presence.token', $query, false),
        ];
    }
}

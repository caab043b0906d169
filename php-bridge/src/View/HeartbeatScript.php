<?php

declare(strict_types=1);

namespace AesirCloud\Presence\View;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Support\Facades\Auth;

/**
 * The script behind @presenceHeartbeat, inline and under 3 KB.
 *
 * The tabs of a browser talk over a BroadcastChannel, so that one of them beats for all; the user is active while one
 * is visible. When the last tab is closed, and not merely on its way to another page of the app, its session ends.
 * Beats go to the app's own route or, with sidecar.public_url, straight to the sidecar with a token that is renewed in
 * time.
 */
final class HeartbeatScript
{
    private const IN_A_SCRIPT = JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

    public function __construct(private readonly UserTokens $tokens, private readonly BrowserSession $browser)
    {
    }

    /**
     * The script element; nothing for guests.
     *
     * @param array{every?: int, nonce?: string} $options seconds between beats; for a content security policy
     */
    public function render(array $options = []): string
    {
        if (! Auth::check()) {
            return '';
        }
        $this->browser->beginPagesThatBeat();
        $nonce = isset($options['nonce']) ? ' nonce="' . e($options['nonce']) . '"' : '';
        $script = trim((string) file_get_contents(__DIR__ . '/../../resources/js/heartbeat.js'));
        $config = json_encode(['every' => $options['every'] ?? 30] + $this->destination(), self::IN_A_SCRIPT);

        return "<script{$nonce}>{$script}({$config})</script>";
    }

    /** @return array<string, int|string> */
    private function destination(): array
    {
        $sidecar = config('presence.sidecar.public_url');
        if (! $sidecar) {
            return ['url' => route('presence.heartbeat', [], false), 'csrf' => csrf_token()];
        }

        return [
            'url' => rtrim($sidecar, '/') . '/' . trim(config('presence.routing.prefix'), '/') . '/heartbeat',
            'token' => Presence::token(Auth::user()),
            'ttl' => $this->tokens->ttlSeconds,
            'renew' => route('presence.token', [], false),
        ];
    }
}

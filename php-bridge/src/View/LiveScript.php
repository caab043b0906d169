<?php

declare(strict_types=1);

namespace AesirCloud\Presence\View;

use AesirCloud\Presence\Support\CurrentGuard;
use Illuminate\Support\Facades\Auth;

/**
 * Renders @presenceLive: the module presence.js, connected to the sidecar. The page shows `<presence-badge user="42">`
 * live, and keeps its user online while it is open. The tabs of one user share a connection.
 */
final class LiveScript
{
    public function __construct(private readonly BrowserModule $module, private readonly CurrentGuard $guard)
    {
    }

    /**
     * Returns the script element; an empty string for guests, and without an address of the sidecar for browsers.
     *
     * @param array{nonce?: string, presence?: bool, src?: string} $options nonce for the content security policy;
     *     whether the page keeps its user online; address of the module
     */
    public function render(array $options = []): string
    {
        $sidecar = config('presence.sidecar.public_url');
        if (! $sidecar || ! Auth::check()) {
            return '';
        }
        $guard = Auth::getDefaultDriver();
        $query = $guard === $this->guard->default ? [] : ['guard' => $guard];
        $prefix = trim((string) config('presence.routing.prefix'), '/');

        return $this->module->element([
            'url' => rtrim($sidecar, '/'),
            'tokenUrl' => route('presence.token', $query, false),
            'heartbeat' => rtrim($sidecar, '/') . "/{$prefix}/heartbeat",
            'presence' => $options['presence'] ?? true,
        ], $options);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Listeners;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\CurrentGuard;
use Illuminate\Auth\Events\Login;

/** Marks the user online at login in the guard of the login, and marks the request so that the middleware does not record it again. */
final class LoginMarkedOnline
{
    public function __construct(private readonly BrowserSession $browser, private readonly CurrentGuard $guard)
    {
    }

    public function handle(Login $event): void
    {
        $this->browser->ensureId();
        $this->guard->as($event->guard, fn () => Presence::online($event->user, ['source' => 'login']));
        request()->attributes->set(self::class, true);
    }
}

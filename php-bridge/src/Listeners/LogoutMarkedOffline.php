<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Listeners;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\CurrentGuard;
use Illuminate\Auth\Events\CurrentDeviceLogout;
use Illuminate\Auth\Events\Logout;

/** Ends the presence session of this browser in the guard of the logout; other devices and guards keep theirs. */
final class LogoutMarkedOffline
{
    public function __construct(private readonly BrowserSession $browser, private readonly CurrentGuard $guard)
    {
    }

    public function handle(Logout|CurrentDeviceLogout $event): void
    {
        if ($event->user !== null) {
            $end = fn () => Presence::offline($event->user, ['source' => 'logout'], $this->browser->id());
            $this->guard->as($event->guard, $end);
        }
    }
}

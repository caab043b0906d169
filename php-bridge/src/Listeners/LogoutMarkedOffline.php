<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Listeners;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Support\CurrentGuard;
use Closure;
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
        if ($event->user === null) {
            return;
        }
        $session = $this->browser->id();
        $end = fn () => Presence::offline($event->user, ['source' => 'logout'], $session);
        $this->afterRequest(fn () => $this->guard->as($event->guard, $end));
    }

    /**
     * Runs a call after the response was sent, when the app's session has ended as well: until then a heartbeat of
     * another request would still be accepted, and would mark the user online again. Outside of requests it runs now.
     */
    private function afterRequest(Closure $call): void
    {
        if (request()->route() === null) {
            $call();

            return;
        }
        $isDone = false;
        app()->terminating(function () use ($call, &$isDone): void {
            // Laravel runs the callback again at the end of each later request of the process.
            if (! $isDone) {
                $isDone = true;
                rescue($call);
            }
        });
    }
}

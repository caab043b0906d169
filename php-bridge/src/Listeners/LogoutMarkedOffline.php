<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Listeners;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use Illuminate\Auth\Events\Logout;

/** Ends the presence session of this browser at logout; other devices keep theirs. */
final class LogoutMarkedOffline
{
    public function __construct(private readonly BrowserSession $browser)
    {
    }

    public function handle(Logout $event): void
    {
        if ($event->user !== null) {
            Presence::offline($event->user, ['source' => 'logout'], $this->browser->id());
        }
    }
}

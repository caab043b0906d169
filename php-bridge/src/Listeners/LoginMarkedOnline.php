<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Listeners;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\BrowserSession;
use Illuminate\Auth\Events\Login;

/** Who logs in is online; the request is marked, so that it is not taken for a visit besides. */
final class LoginMarkedOnline
{
    public function __construct(private readonly BrowserSession $browser)
    {
    }

    public function handle(Login $event): void
    {
        $this->browser->begin();
        Presence::online($event->user, ['source' => 'login']);
        request()->attributes->set(self::class, true);
    }
}

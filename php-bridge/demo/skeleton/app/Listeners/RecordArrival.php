<?php

declare(strict_types=1);

namespace App\Listeners;

use AesirCloud\Presence\Events\UserCameOnline;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Support\Facades\Log;

/** Runs in the queue worker for each user who came online. */
final class RecordArrival implements ShouldQueue
{
    public function handle(UserCameOnline $event): void
    {
        Log::info("User {$event->userId} arrived.");
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Doctor\Probe;
use Illuminate\Console\Command;

/** Leaves a presence record in the app's cache for `presence-sidecar doctor` to find, and says whose it is. */
final class ProbeCommand extends Command
{
    protected $signature = 'presence:probe';

    protected $description = 'Leave a record for `presence-sidecar doctor`';

    protected $hidden = true;

    public function handle(Probe $probe): int
    {
        $this->line((string) json_encode(['user_id' => $probe->leave(0)] + Probe::SCOPE));

        return self::SUCCESS;
    }
}

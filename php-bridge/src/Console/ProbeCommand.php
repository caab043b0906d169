<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Doctor\Probe;
use Illuminate\Console\Command;

/** Writes a presence record to the app's cache for `presence-sidecar doctor`, and prints its user id and scope. */
final class ProbeCommand extends Command
{
    protected $signature = 'presence:probe';

    protected $description = 'Write a test record for `presence-sidecar doctor`';

    protected $hidden = true;

    public function handle(Probe $probe): int
    {
        $this->line((string) json_encode(['user_id' => $probe->writeRecord(0)] + Probe::SCOPE));

        return self::SUCCESS;
    }
}

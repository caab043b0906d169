<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Sidecar\AppFacts;
use AesirCloud\Presence\Sidecar\Compatibility;
use AesirCloud\Presence\Sidecar\SidecarConfig;
use Illuminate\Console\Command;

/** Writes the sidecar's configuration file from this app's resolved configuration. */
final class SidecarCommand extends Command
{
    protected $signature = 'presence:sidecar
        {--path= : File to write; default: presence-sidecar.toml in the app\'s base path}';

    protected $description = 'Write presence-sidecar.toml from the app\'s configuration';

    public function handle(SidecarConfig $config, Compatibility $compatibility, AppFacts $facts): int
    {
        $refusals = $compatibility->refusals();
        foreach ($refusals as $refusal) {
            $this->error($refusal);
        }
        if ($refusals !== []) {
            return self::FAILURE;
        }
        $path = $this->option('path') ?? base_path(SidecarConfig::FILE);
        $config->write($path);
        $this->info("Wrote {$path} (mode 0600). It contains secrets.");
        foreach ($facts->all() as $subject => $fact) {
            $this->line("{$subject}: {$fact}");
        }
        foreach ($compatibility->warnings() as $warning) {
            $this->warn("warning: {$warning}");
        }

        return self::SUCCESS;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Sidecar\Settings;
use AesirCloud\Presence\Sidecar\Toml;
use Illuminate\Console\Command;
use Illuminate\Filesystem\Filesystem;

/** Writes the sidecar's configuration as this app resolves it. */
final class SidecarCommand extends Command
{
    private const HEAD = <<<'TOML'
        # Written by `php artisan presence:sidecar` from this app's configuration; start the sidecar with
        # `presence-sidecar serve --config FILE`. It holds secrets: keep it out of version control.
        #
        # The scope resolver runs in PHP. Its result comes with each call, or in the claims of a user token, where
        # the sidecar's own rules find it by default; so there is no [scope.resolver] here.
        TOML;

    protected $signature = 'presence:sidecar
        {--path= : Where to write it, presence-sidecar.toml in the app\'s folder if left out}';

    protected $description = 'Write presence-sidecar.toml from the app\'s configuration';

    public function handle(Filesystem $files, Settings $settings): int
    {
        $store = $settings->storeDriver();
        if (! in_array($store, ['redis', 'database', 'array'], true)) {
            $way = 'set PRESENCE_CACHE_STORE to redis or database';
            $this->error("A cache store \"{$store}\" cannot be shared with a sidecar: {$way}.");

            return self::FAILURE;
        }
        $path = $this->option('path') ?? base_path('presence-sidecar.toml');
        $files->put($path, '');
        $files->chmod($path, 0600);
        $files->put($path, self::HEAD . "\n\n" . Toml::encode($settings->resolved()));
        $this->info("Written to {$path}, which only its owner can read: it holds secrets.");

        return self::SUCCESS;
    }
}

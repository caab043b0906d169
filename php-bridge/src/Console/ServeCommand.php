<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Install\Settings;
use AesirCloud\Presence\Sidecar\Binary;
use AesirCloud\Presence\Sidecar\Compatibility;
use AesirCloud\Presence\Sidecar\SidecarConfig;
use AesirCloud\Presence\Support\PrivateFolder;
use Illuminate\Console\Command;

/** Runs the sidecar in the foreground with this app's settings, until a signal stops it. */
final class ServeCommand extends Command
{
    protected $signature = 'presence:serve';

    protected $description = 'Run the sidecar in the foreground with the app\'s settings';

    public function handle(
        Settings $settings,
        Binary $binary,
        SidecarConfig $sidecar,
        Compatibility $compatibility
    ): int {
        $path = $binary->find();
        $install = 'run `php artisan presence:install`';
        $problems = array_filter([
            ...$compatibility->refusals(),
            $settings->areComplete() ? null : "The address of the sidecar or PRESENCE_TOKEN is unset: {$install}.",
            $path !== null ? null : "There is no presence-sidecar in {$binary->describeSearch()}: {$install}.",
        ]);
        foreach ($problems as $problem) {
            $this->error($problem);
        }
        if ($problems !== []) {
            return self::FAILURE;
        }
        $file = base_path(SidecarConfig::FILE);
        if ($sidecar->isOutdated($file)) {
            $sidecar->write($file);
        }
        PrivateFolder::create($storage = dirname($binary->installed));
        $environment = ['PRESENCE_STORAGE' => $storage];

        return Binary::runInForeground($path, ['serve', '--config', $file], base_path(), $environment);
    }
}

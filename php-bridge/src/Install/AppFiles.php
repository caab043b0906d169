<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

use AesirCloud\Presence\Sidecar\SidecarConfig;
use Illuminate\Contracts\Foundation\Application;
use RuntimeException;

/** The files of an app with a sidecar: .env, config/presence.php, .gitignore and the sidecar's configuration. */
final class AppFiles
{
    private const TEMPLATE = __DIR__ . '/../../config/presence.php';

    public function __construct(
        private readonly Application $app,
        private readonly SidecarConfig $sidecar
    ) {
    }

    /**
     * Returns the changes that are necessary; none if the app is installed.
     *
     * @param array<string, string> $variables variables of .env that have to have a value
     * @return list<Change>
     */
    public function changes(array $variables): array
    {
        return array_values(array_filter([
            $this->environment($variables),
            $this->configuration(),
            $this->gitignore(),
            $this->sidecarConfiguration(),
        ]));
    }

    private function environment(array $variables): ?Change
    {
        $file = new EnvFile($this->app->environmentFilePath());
        $missing = $file->missing($variables);
        $what = 'add ' . implode(', ', array_keys($missing));

        return $missing === [] ? null : new Change($file->path, $what, fn () => $file->add($missing));
    }

    private function configuration(): ?Change
    {
        $path = $this->app->configPath('presence.php');
        $write = fn () => $this->write($path, (string) file_get_contents(self::TEMPLATE));

        return file_exists($path) ? null : new Change($path, 'publish the configuration', $write);
    }

    private function gitignore(): ?Change
    {
        $path = $this->app->basePath('.gitignore');
        $line = '/' . SidecarConfig::FILE;
        $contents = (string) @file_get_contents($path);
        if (in_array($line, array_map('trim', explode("\n", $contents)), true)) {
            return null;
        }
        $new = ($contents === '' ? '' : rtrim($contents, "\n") . "\n") . "{$line}\n";

        return new Change($path, "add {$line}", fn () => $this->write($path, $new));
    }

    private function sidecarConfiguration(): ?Change
    {
        $path = $this->app->basePath(SidecarConfig::FILE);
        $write = fn () => $this->sidecar->write($path);

        return $this->sidecar->isOutdated($path)
            ? new Change($path, 'write the sidecar\'s configuration', $write)
            : null;
    }

    private function write(string $path, string $contents): void
    {
        error_clear_last();
        is_dir(dirname($path)) || @mkdir(dirname($path), 0755, true);
        if (@file_put_contents($path, $contents) !== strlen($contents)) {
            $reason = error_get_last()['message'] ?? 'unknown error';
            throw new RuntimeException("{$path} cannot be written: {$reason}");
        }
    }
}

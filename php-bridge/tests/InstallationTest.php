<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\PresenceServiceProvider;
use AesirCloud\Presence\Tests\Support\Process;
use PHPUnit\Framework\TestCase as PlainTestCase;

/** Installs the package with Composer in place of the old package. */
final class InstallationTest extends PlainTestCase
{
    public function test_composer_installs_package_as_replacement_for_old_package(): void
    {
        $package = json_decode((string) file_get_contents(__DIR__ . '/../composer.json'), true);
        $folder = Process::folder();
        exec(sprintf(
            'mkdir %1$s/package && cd %2$s && cp -r composer.json config resources routes src %1$s/package',
            $folder,
            escapeshellarg(dirname(__DIR__))
        ));
        file_put_contents("{$folder}/composer.json", json_encode([
            'require' => ['presence-sidecar/laravel' => '*', 'aesircloud/laravel-presence' => '^1.0'],
            'repositories' => [
                ['packagist' => false],
                ['type' => 'path', 'url' => "{$folder}/package", 'options' => ['symlink' => false]],
                ...array_map([self::class, 'stubPackage'], preg_grep('/^illuminate/', array_keys($package['require']))),
            ],
            'minimum-stability' => 'dev',
        ]));
        $environment = ['COMPOSER_HOME' => $folder, 'COMPOSER_ALLOW_SUPERUSER' => '1', 'PATH' => getenv('PATH')];
        $composer = ['composer', 'install', '--no-interaction', '--no-plugins'];
        $process = proc_open($composer, [1 => ['pipe', 'w'], 2 => ['redirect', 1]], $pipes, $folder, $environment);
        $output = (string) stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($process), $output);

        $installed = json_decode((string) file_get_contents("{$folder}/vendor/composer/installed.json"), true);
        $ours = array_values(array_filter(
            $installed['packages'],
            fn (array $package): bool => $package['name'] === 'presence-sidecar/laravel'
        ))[0];
        self::assertSame([PresenceServiceProvider::class], $ours['extra']['laravel']['providers']);
        self::assertNotContains('aesircloud/laravel-presence', array_column($installed['packages'], 'name'));
        self::assertFileExists("{$folder}/vendor/presence-sidecar/laravel/src/Facades/Presence.php");
        self::assertFileExists("{$folder}/vendor/presence-sidecar/laravel/config/presence.php");
    }

    /** Returns an empty package: the installation needs no framework and no network. */
    private static function stubPackage(string $name): array
    {
        return ['type' => 'package', 'package' => ['name' => $name, 'version' => '12.0.0', 'type' => 'metapackage']];
    }
}

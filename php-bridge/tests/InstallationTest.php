<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\PresenceServiceProvider;
use AesirCloud\Presence\Tests\Support\Process;
use PHPUnit\Framework\TestCase as PlainTestCase;

/** Composer puts the package, from its own folder alone, in the place of the old one. */
final class InstallationTest extends PlainTestCase
{
    public function test_composer_installs_it_and_takes_it_for_the_old_package(): void
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
                ...array_map([self::class, 'standIn'], preg_grep('/^illuminate/', array_keys($package['require']))),
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
            fn (array $found): bool => $found['name'] === 'presence-sidecar/laravel'
        ))[0];
        self::assertSame([PresenceServiceProvider::class], $ours['extra']['laravel']['providers']);
        self::assertNotContains('aesircloud/laravel-presence', array_column($installed['packages'], 'name'));
        self::assertFileExists("{$folder}/vendor/presence-sidecar/laravel/src/Facades/Presence.php");
        self::assertFileExists("{$folder}/vendor/presence-sidecar/laravel/config/presence.php");
    }

    /** A package that has nothing in it: what is tested here needs no framework, and no network. */
    private static function standIn(string $name): array
    {
        return ['type' => 'package', 'package' => ['name' => $name, 'version' => '12.0.0', 'type' => 'metapackage']];
    }
}

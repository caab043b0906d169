<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Install\EnvFile;
use AesirCloud\Presence\Install\Releases;
use AesirCloud\Presence\Tests\Support\DemoCopy;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\ReleaseServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use PHPUnit\Framework\Attributes\DataProvider;

/** The commands presence:install and presence:serve, in a copy of the demo app. */
final class InstallTest extends TestCase
{
    private const INSTALL = ['presence:install', '--no-interaction'];

    private function newApp(array $env = []): DemoCopy
    {
        return new DemoCopy($env + ['REDIS_PORT' => (string) self::redis()->port]);
    }

    /** @return array<string, string> contents of the app's files, with their mode and time of change */
    private function snapshot(DemoCopy $app): array
    {
        $files = [];
        foreach (explode("\n", (string) shell_exec('find ' . escapeshellarg($app->folder) . ' -type f')) as $path) {
            if ($path !== '' && ! str_contains($path, '/storage/logs/') && ! str_contains($path, '/storage/cache/')) {
                clearstatcache();
                $files[$path] = implode(' ', [sha1_file($path), fileperms($path), filemtime($path), fileinode($path)]);
            }
        }

        return $files;
    }

    public function test_install_configures_app_and_second_run_changes_nothing(): void
    {
        $app = $this->newApp(['PRESENCE_TOKEN' => '', 'PRESENCE_WEBHOOK_SECRET' => '"" # empty']);
        chmod("{$app->folder}/.env", 0640);
        $release = new ReleaseServer();
        $install = [...self::INSTALL, "--archive={$release->url}", "--sha256={$release->sha256}"];
        [$status, $output] = $app->run(...$install);
        self::assertSame(0, $status, $output);

        $env = (string) file_get_contents("{$app->folder}/.env");
        self::assertStringStartsWith("PRESENCE_TOKEN=", $env);
        self::assertMatchesRegularExpression('/^PRESENCE_TOKEN=[0-9a-f]{64}$/m', $env);
        self::assertMatchesRegularExpression('~^PRESENCE_WEBHOOK_SECRET=whsec_[A-Za-z0-9+/]{43}=$~m', $env);
        self::assertMatchesRegularExpression('~^PRESENCE_SIDECAR_URL=http://127\.0\.0\.1:8137$~m', $env);
        self::assertMatchesRegularExpression('~^PRESENCE_SIDECAR_BROADCAST=true$~m', $env);
        self::assertSame(1, substr_count($env, 'PRESENCE_TOKEN='));
        self::assertSame('0640', substr(sprintf('%o', fileperms("{$app->folder}/.env")), -4));
        self::assertFileEquals(__DIR__ . '/../config/presence.php', "{$app->folder}/config/presence.php");
        self::assertStringEqualsFile("{$app->folder}/.gitignore", "/presence-sidecar.toml\n");
        $toml = (string) file_get_contents("{$app->folder}/presence-sidecar.toml");
        self::assertStringContainsString('url = "http://127.0.0.1:8000/hooks/presence-sidecar"', $toml);
        preg_match('/^PRESENCE_TOKEN=(.*)$/m', $env, $token);
        self::assertStringContainsString("tokens = [\"{$token[1]}\"]", $toml);
        self::assertStringNotContainsString($token[1], $output);
        self::assertStringNotContainsString('whsec_', $output);
        $program = "{$app->folder}/storage/presence-sidecar/presence-sidecar";
        self::assertStringStartsWith('presence-sidecar ', (string) exec(escapeshellarg($program) . ' --version'));
        self::assertSame('0700', substr(sprintf('%o', fileperms(dirname($program))), -4));
        self::assertStringEqualsFile(dirname($program) . '/.gitignore', "*\n");

        $before = $this->snapshot($app);
        $release->server->stop();
        [$status, $output] = $app->run(...self::INSTALL);
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('ok   the app is configured', $output);
        self::assertStringNotContainsString('done ', $output);
        self::assertSame($before, $this->snapshot($app));
    }

    public function test_dry_run_shows_changes_and_makes_none(): void
    {
        $app = $this->newApp();
        $before = $this->snapshot($app);
        $archive = ['--archive=http://127.0.0.1:1/presence-sidecar.tar.gz', '--sha256=' . str_repeat('0', 64)];
        [$status, $output] = $app->run(...self::INSTALL, ...$archive, ...['--dry-run']);
        self::assertSame(0, $status, $output);
        foreach (['would add PRESENCE_SIDECAR_URL, PRESENCE_TOKEN', 'would publish', 'would install'] as $line) {
            self::assertStringContainsString($line, $output);
        }
        self::assertSame($before, $this->snapshot($app));
    }

    public function test_install_keeps_existing_values_and_files(): void
    {
        $app = $this->newApp([
            'PRESENCE_SIDECAR_URL' => 'http://10.0.0.5:8137',
            'PRESENCE_TOKEN' => 'kept-token-0123456789',
            'PRESENCE_WEBHOOK_URL' => 'http://10.0.0.6/own',
            'PRESENCE_DRIVER' => 'webhook',
            'PRESENCE_WEBHOOK_SECRET' => 'kept-secret',
        ]);
        $env = (string) file_get_contents("{$app->folder}/.env");
        file_put_contents("{$app->folder}/.gitignore", '/vendor');
        file_put_contents("{$app->folder}/presence-sidecar.toml", $own = "# mine\n");
        file_put_contents("{$app->folder}/config/presence.php", $config = "<?php return ['driver' => 'webhook'];");
        [$status, $output] = $app->run(...self::INSTALL);
        self::assertSame(0, $status, $output);
        self::assertStringEqualsFile("{$app->folder}/.env", $env);
        self::assertStringEqualsFile("{$app->folder}/.gitignore", "/vendor\n/presence-sidecar.toml\n");
        self::assertStringEqualsFile("{$app->folder}/presence-sidecar.toml", $own);
        self::assertStringEqualsFile("{$app->folder}/config/presence.php", $config);
        self::assertDirectoryDoesNotExist("{$app->folder}/storage/presence-sidecar");
    }

    public function test_install_asks_where_sidecar_runs(): void
    {
        $app = $this->newApp();
        [$status, $output] = $app->answer("printf '1\\nhttp://10.0.0.5:8137\\n0\\n'", 'presence:install');
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('Where does the sidecar run?', $output);
        self::assertStringContainsString(
            "PRESENCE_SIDECAR_URL=http://10.0.0.5:8137\n",
            (string) file_get_contents("{$app->folder}/.env")
        );
        self::assertStringNotContainsString('install the sidecar', $output);
    }

    public function test_install_accepts_address_of_sidecar_and_prints_service(): void
    {
        $app = $this->newApp(['PRESENCE_SIDECAR_BINARY' => Sidecar::binary()]);
        [$status, $output] = $app->run(...self::INSTALL, ...['--socket=/run/presence/a b.sock', '--service=systemd']);
        self::assertSame(0, $status, $output);
        $env = (string) file_get_contents("{$app->folder}/.env");
        self::assertStringContainsString("PRESENCE_SIDECAR_SOCKET=\"/run/presence/a b.sock\"\n", $env);
        self::assertStringNotContainsString('PRESENCE_SIDECAR_URL', $env);
        self::assertStringContainsString('listen = ["unix:/run/presence/a b.sock"]', (string) file_get_contents(
            "{$app->folder}/presence-sidecar.toml"
        ));
        $command = Sidecar::binary() . " serve --config {$app->folder}/presence-sidecar.toml";
        self::assertStringContainsString("ExecStart={$command}", $output);
        [, $output] = $app->run(...self::INSTALL, ...['--service=supervisor']);
        self::assertStringContainsString("command={$command}", $output);
    }

    /** @return array<string, array{string, string, string}> path of the archive, checksum, message */
    public static function brokenReleases(): array
    {
        $zeros = str_repeat('0', 64);

        return [
            'wrong checksum' => ['/release.tar.gz', $zeros, "instead of {$zeros}: it is not installed"],
            'missing archive' => ['/none.tar.gz', $zeros, 'cannot be fetched: the server responded with 404'],
            'no program in archive' => ['/empty.tar.gz', '', 'does not contain a file presence-sidecar'],
            'no archive' => ['/text.tar.gz', '', 'cannot be unpacked'],
            'no pinned checksum' => ['/release.tar.gz', 'none', 'does not know release.tar.gz: pass its --sha256'],
        ];
    }

    /** @dataProvider brokenReleases */
    #[DataProvider('brokenReleases')]
    public function test_install_leaves_no_program_of_broken_release(string $path, string $sha, string $message): void
    {
        $release = new ReleaseServer();
        $archive = dirname($release->url) . $path;
        $checksum = $sha === '' ? hash_file('sha256', $release->server->folder . $path) : $sha;
        $options = ["--archive={$archive}", ...($sha === 'none' ? [] : ["--sha256={$checksum}"])];
        $app = $this->newApp();
        [$status, $output] = $app->run(...self::INSTALL, ...$options);
        self::assertSame(1, $status, $output);
        self::assertStringContainsString($message, $output);
        $folder = "{$app->folder}/storage/presence-sidecar";
        self::assertSame(is_dir($folder) ? ["{$folder}/.gitignore"] : [], glob("{$folder}/{,.}[!.]*", GLOB_BRACE));
    }

    public function test_install_says_what_is_missing_without_network_or_address(): void
    {
        $zeros = str_repeat('0', 64);
        $archive = ['--archive=http://127.0.0.1:1/presence-sidecar.tar.gz', "--sha256={$zeros}"];
        [$status, $output] = $this->newApp()->run(...self::INSTALL, ...$archive);
        self::assertSame(1, $status);
        self::assertStringContainsString('http://127.0.0.1:1/presence-sidecar.tar.gz cannot be fetched: ', $output);
        [$status, $output] = $this->newApp()->run(...self::INSTALL);
        self::assertSame(1, $status);
        self::assertStringContainsString('set PRESENCE_SIDECAR_RELEASE_URL', $output);
    }

    public function test_install_changes_nothing_in_read_only_folder(): void
    {
        $app = $this->newApp();
        $app->makeReadOnly();
        $before = $this->snapshot($app);
        [$status, $output] = $app->runUnprivileged(...self::INSTALL);
        self::assertSame(1, $status, $output);
        self::assertStringContainsString("{$app->folder}/.env is not writable", $output);
        self::assertStringContainsString('Nothing was changed.', $output);
        self::assertSame($before, $this->snapshot($app));
    }

    public function test_install_refuses_cached_configuration_and_unshareable_store(): void
    {
        $app = $this->newApp(['CACHE_STORE' => 'file']);
        [$status, $output] = $app->run(...self::INSTALL);
        self::assertSame(1, $status);
        self::assertStringContainsString('The cache store "file"', $output);
        $app->run('config:cache');
        [$status, $output] = $app->run(...self::INSTALL);
        self::assertSame(1, $status);
        self::assertStringContainsString('config:clear', $output);
        self::assertFileDoesNotExist("{$app->folder}/presence-sidecar.toml");
    }

    public function test_pinned_release_of_this_machine_is_installed_from_configured_address(): void
    {
        $release = new ReleaseServer();
        $list = "{$release->server->folder}/releases.json";
        file_put_contents($list, '{"version": "9.8.7", "archives": {}}');
        $name = (new Releases($list))->archiveName();
        self::assertMatchesRegularExpression('/^presence-sidecar-9\.8\.7-(x86_64|aarch64)-linux\.tar\.gz$/', $name);
        self::assertNull((new Releases($list))->checksum($name));
        copy("{$release->server->folder}/release.tar.gz", "{$release->server->folder}/{$name}");
        $pin = [PHP_BINARY, __DIR__ . '/../bin/pin-release.php', '9.8.7', $release->server->folder];
        $process = proc_open($pin, [], $pipes, null, ['PRESENCE_RELEASES' => $list]);
        self::assertSame(0, proc_close($process));
        self::assertSame($release->sha256, (new Releases($list))->checksum($name));

        $this->app->bind(Releases::class, fn (): Releases => new Releases($list));
        $this->app->setBasePath($base = Process::folder());
        file_put_contents("{$base}/.env", '');
        config(['presence.sidecar.release_url' => dirname($release->url) . '/']);
        [$status, $output] = $this->runCommand('presence:install', ['--no-interaction' => true]);
        self::assertSame(0, $status, $output);
        self::assertFileExists(storage_path('presence-sidecar/presence-sidecar'));
    }

    public function test_serve_runs_sidecar_with_settings_of_app_until_signal(): void
    {
        $port = Process::freePort();
        $app = $this->newApp(['PRESENCE_SIDECAR_BINARY' => Sidecar::binary()]);
        [$status, $output] = $app->run('presence:serve');
        self::assertSame(1, $status);
        self::assertStringContainsString('run `php artisan presence:install`', $output);
        $app->run(...self::INSTALL, ...["--url=http://127.0.0.1:{$port}"]);

        $serve = [PHP_BINARY, "{$app->folder}/artisan", 'presence:serve'];
        $process = new Process($serve, Process::folder(), ['DEMO_STORAGE' => "{$app->folder}/storage"]);
        $process->await(fn (): bool => Process::isListening($port));
        [$status, $output] = $app->run('presence:doctor');
        self::assertStringContainsString('ok   records: the sidecar reads a record that the app wrote', $output);
        self::assertFileDoesNotExist("{$app->folder}/storage/secrets.env");
        $process->signal(SIGTERM);
        self::assertTrue(Support\eventually(fn (): bool => ! Process::isListening($port)), 'SIGTERM has no effect.');
    }

    public function test_env_file_is_unchanged_if_nothing_is_missing(): void
    {
        file_put_contents($path = storage_path('env'), "A=1\nexport B=x # y\nC=\nD=''\n#E=5\n");
        $file = new EnvFile($path);
        self::assertSame(['C', 'D', 'E', 'F'], array_keys($file->missing(array_fill_keys(str_split('ABCDEF'), 'new'))));
        $file->add(['C' => 'a$b\\', 'D' => '1', 'F' => 'x y']);
        self::assertStringEqualsFile($path, "A=1\nexport B=x # y\nC=\"a\\\$b\\\\\"\nD=1\n#E=5\n\nF=\"x y\"\n");
    }
}

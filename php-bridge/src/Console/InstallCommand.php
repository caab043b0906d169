<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Install\AppFiles;
use AesirCloud\Presence\Install\Change;
use AesirCloud\Presence\Install\Download;
use AesirCloud\Presence\Install\Releases;
use AesirCloud\Presence\Install\Service;
use AesirCloud\Presence\Install\Settings;
use AesirCloud\Presence\Sidecar\Binary;
use AesirCloud\Presence\Sidecar\Compatibility;
use AesirCloud\Presence\Sidecar\SidecarConfig;
use AesirCloud\Presence\Support\PrivateFolder;
use Illuminate\Console\Command;
use RuntimeException;

/** Installs presence with a sidecar in this app. What is there already stays; a second run changes nothing. */
final class InstallCommand extends Command
{
    protected $signature = 'presence:install
        {--url= : Address of the sidecar; default: http://127.0.0.1:8137}
        {--socket= : Path of the sidecar\'s unix socket, instead of an address}
        {--archive= : Address of the release archive; default: that of this machine below PRESENCE_SIDECAR_RELEASE_URL}
        {--sha256= : SHA-256 of the archive; default: the one that this package pins}
        {--service= : Print a service definition for "supervisor" or "systemd"}
        {--dry-run : Print the changes, and make none}';

    protected $description = 'Install presence with a sidecar: .env, configuration, .gitignore, the sidecar\'s program';

    public function handle(Settings $settings, AppFiles $files, Compatibility $compatibility): int
    {
        if ($this->laravel->configurationIsCached()) {
            $this->error('The configuration is cached, so .env is not read: run `php artisan config:clear` first.');

            return self::FAILURE;
        }
        $variables = $settings->variables($this->addressOfSidecar($settings));
        $settings->apply($variables);
        $refusals = $compatibility->refusals();
        try {
            if ($refusals !== []) {
                throw new RuntimeException(implode("\n", $refusals));
            }
            $this->applyAll($files->changes($variables));
            $this->installProgram($settings);
        } catch (RuntimeException $exception) {
            $this->error($exception->getMessage());

            return self::FAILURE;
        }
        $this->printService();
        if ($this->laravel->routesAreCached()) {
            $this->line('The routes are cached: run `php artisan route:cache` again.');
        }
        $this->line('Next: `php artisan presence:serve` runs the sidecar, `presence:doctor` checks the setup.');

        return self::SUCCESS;
    }

    /** @return array<string, string> the variable with the address of the sidecar */
    private function addressOfSidecar(Settings $settings): array
    {
        if ($this->option('socket') !== null) {
            return ['PRESENCE_SIDECAR_SOCKET' => $this->option('socket')];
        }
        $url = $this->option('url');
        if ($url === null && ! $settings->hasAddress()) {
            $here = 'on this host';
            $place = $this->choice('Where does the sidecar run?', [$here, 'on another host'], 0);
            $url = $place === $here ? Settings::DEFAULT_URL : $this->ask('Its address, such as http://10.0.0.5:8137');
        }

        return $url === null ? [] : ['PRESENCE_SIDECAR_URL' => $url];
    }

    /** @param list<Change> $changes */
    private function applyAll(array $changes): void
    {
        $obstacles = array_filter(array_map(fn (Change $change): ?string => $change->obstacle(), $changes));
        if ($obstacles !== []) {
            throw new RuntimeException(implode("\n", array_unique($obstacles)) . "\nNothing was changed.");
        }
        foreach ($changes as $change) {
            $this->report($change->path, $change->what, $change->apply);
        }
        if ($changes === []) {
            $this->line('ok   the app is configured');
        }
    }

    private function report(string $path, string $what, callable $apply): void
    {
        if ($this->option('dry-run')) {
            $this->line("would {$what}: {$path}");

            return;
        }
        $apply();
        $this->line("done {$what}: {$path}");
    }

    private function installProgram(Settings $settings): void
    {
        if (! $settings->isOnThisHost()) {
            return;
        }
        $binary = $this->laravel->make(Binary::class);
        $path = $binary->find();
        if ($path !== null) {
            $this->line("ok   the sidecar's program is {$path}");

            return;
        }
        $download = $this->download($binary, $settings);
        $this->report($binary->installed, 'install the sidecar\'s program', function () use ($binary, $download): void {
            PrivateFolder::create(dirname($binary->installed));
            $download->install($binary->installed);
        });
    }

    private function download(Binary $binary, Settings $settings): Download
    {
        $releases = $this->laravel->make(Releases::class);
        $url = $this->option('archive') ?? $settings->archiveUrl($releases->archiveName())
            ?? throw new RuntimeException("There is no presence-sidecar in {$binary->describeSearch()}: install it, or "
                . 'set PRESENCE_SIDECAR_RELEASE_URL to the address of the release archives.');
        $name = basename((string) parse_url($url, PHP_URL_PATH));
        $sha256 = $this->option('sha256') ?? $releases->checksum($name)
            ?? throw new RuntimeException("This version of the package does not know {$name}: pass its --sha256.");

        return new Download($url, $sha256);
    }

    private function printService(): void
    {
        $supervisor = $this->option('service');
        if ($supervisor === null && $this->input->isInteractive() && ! $this->option('dry-run')) {
            $choices = ['none', ...Service::SUPERVISORS];
            $supervisor = $this->choice('Print a service definition for', $choices, 0);
        }
        if (in_array($supervisor, Service::SUPERVISORS, true)) {
            $binary = $this->laravel->make(Binary::class);
            $service = new Service(
                $binary->find() ?? $binary->installed,
                base_path(SidecarConfig::FILE),
                dirname($binary->installed)
            );
            $this->line("\n{$service->describe($supervisor)}\n");
        }
    }
}

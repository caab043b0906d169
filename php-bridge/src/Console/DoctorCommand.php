<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Doctor\Diagnostics;
use AesirCloud\Presence\Doctor\Finding;
use AesirCloud\Presence\Doctor\Severity;
use AesirCloud\Presence\Sidecar\Binary;
use AesirCloud\Presence\Sidecar\SidecarConfig;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Console\Command;
use Illuminate\Contracts\Container\Container;
use LogicException;

/** Prints the app's settings, checks what the app can see of the sidecar, and shows the verdict of its program. */
final class DoctorCommand extends Command
{
    protected $signature = 'presence:doctor
        {--config= : The sidecar\'s configuration file; default: presence-sidecar.toml in the app\'s base path}';

    protected $description = 'Check that the app and its sidecar are configured consistently';

    public function handle(Container $app, Binary $binary): int
    {
        $problems = 0;
        try {
            foreach ($app->make(Diagnostics::class)->run($app->make(UserTokens::class)) as $finding) {
                $problems += (int) ($finding->severity === Severity::Problem);
                $this->printFinding($finding);
            }
        } catch (LogicException $exception) {
            $this->error($exception->getMessage());

            return self::FAILURE;
        }
        $problems += (int) ! $this->printVerdict($binary);

        return $problems === 0 ? self::SUCCESS : self::FAILURE;
    }

    private function printFinding(Finding $finding): void
    {
        $this->line("{$finding->severity->value} {$finding->subject}: {$finding->message}");
        if ($finding->fix !== '') {
            $this->line("     {$finding->fix}");
        }
    }

    /** Runs `presence-sidecar doctor`. Returns whether it found no problem, or could not be run here. */
    private function printVerdict(Binary $binary): bool
    {
        $path = $binary->find();
        $file = $this->option('config') ?? base_path(SidecarConfig::FILE);
        if ($path === null || ! is_file($file)) {
            $missing = $path === null ? "no presence-sidecar in {$binary->describeSearch()}" : "no {$file}";
            $this->line("app  verdict: {$missing}; run `presence-sidecar doctor --app DIR` on the sidecar's host");

            return true;
        }
        $arguments = ['doctor', '--config', $file, '--app', base_path(), '--php', PHP_BINARY];
        $this->line("app  verdict of {$path}:");

        return Binary::run($path, $arguments, base_path(), fn (string $line) => $this->line($line)) === self::SUCCESS;
    }
}

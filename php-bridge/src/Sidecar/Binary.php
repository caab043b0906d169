<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use RuntimeException;
use Symfony\Component\Process\ExecutableFinder;

/** The sidecar's program on this host. */
final class Binary
{
    private const NAME = 'presence-sidecar';

    /**
     * @param string|null $configured path from the configuration
     * @param string $installed path at which presence:install puts the program
     */
    public function __construct(private readonly ?string $configured, public readonly string $installed)
    {
    }

    /** Returns its path: the configured one, the installed one, or the one in PATH. Null if there is none. */
    public function find(): ?string
    {
        if ($this->configured !== null) {
            return is_executable($this->configured) ? $this->configured : null;
        }

        return is_executable($this->installed) ? $this->installed : (new ExecutableFinder())->find(self::NAME);
    }

    /** Returns where the program was looked for, for messages. */
    public function describeSearch(): string
    {
        return $this->configured ?? "{$this->installed} and PATH";
    }

    /**
     * Runs the program and passes on its output, line by line. It gets the environment with which this process was
     * started, without the variables of the app's .env: the program reads the sidecar's configuration alone.
     *
     * @param list<string> $arguments
     * @param callable(string): void $onLine
     * @return int its exit code
     */
    public static function run(string $path, array $arguments, string $folder, callable $onLine): int
    {
        $streams = [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]];
        $process = @proc_open([$path, ...$arguments], $streams, $pipes, $folder, self::initialEnvironment());
        if ($process === false) {
            $reason = error_get_last()['message'] ?? 'unknown error';
            throw new RuntimeException("{$path} cannot be started: {$reason}");
        }
        while (($line = fgets($pipes[1])) !== false) {
            $onLine(rtrim($line, "\n"));
        }
        fclose($pipes[1]);

        return proc_close($process);
    }

    /**
     * Runs the program with the terminal of this process. Where PHP can, it takes this process over, so that signals
     * reach it.
     *
     * @param list<string> $arguments
     * @param array<string, string> $environment variables in addition to the environment of this process at its start
     * @return int its exit code
     */
    public static function runInForeground(string $path, array $arguments, string $folder, array $environment): int
    {
        $environment = (self::initialEnvironment() ?? []) + $environment;
        if (function_exists('pcntl_exec') && chdir($folder)) {
            pcntl_exec($path, $arguments, $environment);
        }
        $process = proc_open([$path, ...$arguments], [STDIN, STDOUT, STDERR], $pipes, $folder, $environment);

        return $process === false ? 1 : proc_close($process);
    }

    /** @return array<string, string>|null the environment at the start of this process; null means the current one */
    private static function initialEnvironment(): ?array
    {
        $entries = array_filter(explode("\0", (string) @file_get_contents('/proc/self/environ')));
        $environment = [];
        foreach ($entries as $entry) {
            [$name, $value] = explode('=', $entry, 2) + [1 => ''];
            $environment[$name] = $value;
        }

        return $environment ?: null;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use RuntimeException;

/** A server that a test run starts for itself, in a temporary folder, and that ends with it. */
class Process
{
    private const PATIENCE_SECONDS = 15.0;

    /** @var resource */
    private $handle;

    private bool $isRunning = true;

    /**
     * @param list<string> $command
     * @param array<string, string> $environment
     */
    public function __construct(array $command, public readonly string $folder, array $environment = [])
    {
        $log = ['file', "{$folder}/output.log", 'a'];
        $inherited = ['PATH' => (string) getenv('PATH'), 'HOME' => $folder];
        // In a group of its own, so that it ends with the processes it starts.
        $streams = [['file', '/dev/null', 'r'], $log, $log];
        $handle = proc_open(['setsid', ...$command], $streams, $pipes, $folder, $environment + $inherited);
        $this->handle = $handle ?: throw new RuntimeException("{$command[0]} cannot be started");
        register_shutdown_function([$this, 'stop']);
    }

    public function __destruct()
    {
        $this->stop();
    }

    /** Ends it, and waits until it is gone. */
    public function stop(): void
    {
        if ($this->isRunning) {
            $this->isRunning = false;
            posix_kill(-proc_get_status($this->handle)['pid'], SIGKILL);
            proc_close($this->handle);
        }
    }

    /** Sends it a signal. */
    public function signal(int $signal): void
    {
        posix_kill(proc_get_status($this->handle)['pid'], $signal);
    }

    /** What it has said. */
    public function output(): string
    {
        return (string) file_get_contents("{$this->folder}/output.log");
    }

    /** Waits until the condition holds. */
    public function await(callable $condition): void
    {
        if (! eventually($condition, self::PATIENCE_SECONDS)) {
            throw new RuntimeException('It did not start: ' . $this->output());
        }
    }

    /** A folder of its own for each process. */
    public static function folder(): string
    {
        $folder = sys_get_temp_dir() . '/presence-tests-' . getmypid() . '-' . bin2hex(random_bytes(4));
        mkdir($folder, 0700);
        // Behind the shutdown functions that end the processes.
        register_shutdown_function('register_shutdown_function', fn () => exec('rm -rf ' . escapeshellarg($folder)));

        return $folder;
    }

    /** A port that nobody uses. */
    public static function port(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        $name = (string) stream_socket_get_name($socket, false);

        return (int) substr($name, strrpos($name, ':') + 1);
    }

    /** Whether somebody takes connections there. */
    public static function listens(int $port): bool
    {
        $socket = @fsockopen('127.0.0.1', $port);

        return $socket !== false && fclose($socket);
    }
}

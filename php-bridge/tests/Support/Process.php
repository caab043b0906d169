<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use RuntimeException;

/** A server process in a temporary folder. It is stopped at the end of the test run. */
class Process
{
    private const START_TIMEOUT_SECONDS = 15.0;

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
        // In a separate process group, so that its child processes are stopped too.
        $streams = [['file', '/dev/null', 'r'], $log, $log];
        $handle = proc_open(['setsid', ...$command], $streams, $pipes, $folder, $environment + $inherited);
        $this->handle = $handle ?: throw new RuntimeException("{$command[0]} cannot be started");
        register_shutdown_function([$this, 'stop']);
    }

    public function __destruct()
    {
        $this->stop();
    }

    /** Kills the process group and waits for its exit. */
    public function stop(): void
    {
        if ($this->isRunning) {
            $this->isRunning = false;
            posix_kill(-proc_get_status($this->handle)['pid'], SIGKILL);
            proc_close($this->handle);
        }
    }

    /** Sends a signal to the process. */
    public function signal(int $signal): void
    {
        posix_kill(proc_get_status($this->handle)['pid'], $signal);
    }

    /** Returns its standard output and standard error. */
    public function output(): string
    {
        return (string) file_get_contents("{$this->folder}/output.log");
    }

    /** Waits until the condition holds. */
    public function await(callable $condition): void
    {
        if (! eventually($condition, self::START_TIMEOUT_SECONDS)) {
            throw new RuntimeException('The server did not start: ' . $this->output());
        }
    }

    /** Creates a temporary folder that is deleted at the end of the test run. */
    public static function folder(): string
    {
        $folder = sys_get_temp_dir() . '/presence-tests-' . getmypid() . '-' . bin2hex(random_bytes(4));
        mkdir($folder, 0700);
        // Registered late, to run after the shutdown functions that stop the processes.
        register_shutdown_function('register_shutdown_function', fn () => exec('rm -rf ' . escapeshellarg($folder)));

        return $folder;
    }

    /** Returns an unused port. */
    public static function freePort(): int
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        $name = (string) stream_socket_get_name($socket, false);

        return (int) substr($name, strrpos($name, ':') + 1);
    }

    /** Returns whether the port accepts connections. */
    public static function isListening(int $port): bool
    {
        $socket = @fsockopen('127.0.0.1', $port);

        return $socket !== false && fclose($socket);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Illuminate\Foundation\Application;
use RuntimeException;

/** The app of demo/skeleton in a temporary folder, with its own sidecar: it is installed by the package's commands. */
final class LaravelApp
{
    public readonly string $folder;

    public readonly string $url;

    public ?Process $sidecar = null;

    private readonly int $port;

    /** @var list<Process> they stop with this object */
    private array $processes = [];

    /** @param array<string, string> $env variables of its .env */
    public function __construct(array $env = [])
    {
        $this->port = Process::freePort();
        $this->folder = Process::folder() . '/app';
        $this->url = "http://127.0.0.1:{$this->port}";
        $env += ['APP_URL' => $this->url, 'PRESENCE_SIDECAR_BINARY' => Sidecar::binary()];
        $variables = array_map(fn (string $name): string => escapeshellarg("{$name}={$env[$name]}"), array_keys($env));
        $script = escapeshellarg(dirname(__DIR__, 2) . '/demo/new-app');
        exec("{$script} {$this->folder} " . implode(' ', $variables) . ' 2>&1', $output, $status);
        if ($status !== 0) {
            throw new RuntimeException('demo/new-app failed: ' . implode("\n", $output));
        }
    }

    /** Installs presence with the commands of the README, with a free port, and starts the app. */
    public function install(): self
    {
        $port = Process::freePort();
        $this->run('presence:install', '--no-interaction', "--url=http://127.0.0.1:{$port}");
        $this->sidecar = $this->start([PHP_BINARY, 'artisan', 'presence:serve'], $port);

        return $this->serve();
    }

    /** As install(), with nginx and php-fpm as the app's server. */
    public function installBehindNginx(): WebServer
    {
        $port = Process::freePort();
        $this->run('presence:install', '--no-interaction', "--url=http://127.0.0.1:{$port}");
        $this->sidecar = $this->start([PHP_BINARY, 'artisan', 'presence:serve'], $port);

        return new WebServer("{$this->folder}/public", $this->port);
    }

    /** Starts the app. */
    public function serve(): self
    {
        $index = "{$this->folder}/public/index.php";
        $this->start([PHP_BINARY, '-S', "127.0.0.1:{$this->port}", '-t', dirname($index), $index], $this->port);

        return $this;
    }

    /** Returns whether this machine's Laravel can run it. */
    public static function isSupported(): bool
    {
        return version_compare(Application::VERSION, '11', '>=');
    }

    /** Runs an artisan command that must succeed, and returns its output. */
    public function run(string ...$arguments): string
    {
        [$status, $output] = DemoCopy::artisan($this->folder, $arguments, []);

        return $status === 0 ? $output : throw new RuntimeException(implode(' ', $arguments) . " failed: {$output}");
    }

    /** Returns the app's log. */
    public function log(): string
    {
        return (string) @file_get_contents("{$this->folder}/storage/logs/laravel.log");
    }

    /**
     * Starts a server in the app's folder.
     *
     * @param list<string> $command
     */
    public function start(array $command, int $port): Process
    {
        $wrapper = ['sh', '-c', 'cd "$0" && exec "$@"', $this->folder];
        $process = new Process([...$wrapper, ...$command], Process::folder(), [
            'PHP_CLI_SERVER_WORKERS' => '8',
            'DEMO_HEARTBEAT_SECONDS' => '1',
        ]);
        $process->await(fn (): bool => Process::isListening($port));
        $this->processes[] = $process;

        return $process;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A copy of the demo app in a temporary folder, with an .env of its own. */
final class DemoCopy
{
    /** The app's base path. */
    public readonly string $folder;

    /** @param array<string, string> $env variables of .env */
    public function __construct(array $env)
    {
        $root = Process::folder();
        $this->folder = "{$root}/demo";
        mkdir("{$root}/tests");
        $autoload = var_export(dirname(__DIR__) . '/autoload.php', true);
        file_put_contents("{$root}/tests/autoload.php", "<?php require_once {$autoload};");
        mkdir($this->folder);
        $source = escapeshellarg(dirname(__DIR__, 2) . '/demo');
        $folder = escapeshellarg($this->folder);
        exec("cd {$source} && cp -r app artisan bootstrap config public routes views {$folder}");
        $this->writeEnv($env);
    }

    /** @param array<string, string> $env */
    public function writeEnv(array $env): void
    {
        $lines = array_map(fn (string $name, string $value): string => "{$name}={$value}\n", array_keys($env), $env);
        file_put_contents("{$this->folder}/.env", implode('', $lines));
    }

    /** @return array{int, string} exit code and output of an artisan command */
    public function run(string ...$arguments): array
    {
        return self::artisan($this->folder, $arguments, ['DEMO_STORAGE' => "{$this->folder}/storage"]);
    }

    /** @return array{int, string} exit code and output of an artisan command that is given these answers */
    public function answer(string $answers, string ...$arguments): array
    {
        $environment = ['DEMO_STORAGE' => "{$this->folder}/storage"];

        return self::artisan($this->folder, $arguments, $environment, ['sh', '-c', $answers . ' | "$@"', 'sh']);
    }

    /** Makes the app's folder and its .env read-only. */
    public function makeReadOnly(): void
    {
        exec('chmod -R a+rX ' . dirname($this->folder) . " && chmod a-w {$this->folder} {$this->folder}/.env");
    }

    /** @return array{int, string} exit code and output of an artisan command, run by a user who is not root */
    public function runUnprivileged(string ...$arguments): array
    {
        chmod($writable = Process::folder(), 0777);
        $command = posix_getuid() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];

        return self::artisan($this->folder, $arguments, ['DEMO_STORAGE' => "{$writable}/storage"], $command);
    }

    /**
     * Runs an artisan command of an app with exactly these environment variables and PATH.
     *
     * @param list<string> $arguments
     * @param list<string> $wrapper command that runs PHP
     * @return array{int, string} exit code and output
     */
    public static function artisan(string $app, array $arguments, array $environment, array $wrapper = []): array
    {
        $command = [...$wrapper, PHP_BINARY, "{$app}/artisan", ...$arguments, '--no-ansi'];
        $streams = [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]];
        $environment += ['PATH' => (string) getenv('PATH')];
        $process = proc_open($command, $streams, $pipes, null, $environment);
        $output = (string) stream_get_contents($pipes[1]);

        return [proc_close($process), $output];
    }
}

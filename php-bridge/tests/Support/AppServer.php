<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** The demo app on PHP's built-in server, with enough workers for one event stream per browser. */
final class AppServer extends Process
{
    public readonly string $url;

    /** @param array<string, string> $environment */
    public function __construct(array $environment, ?int $port = null)
    {
        $port ??= self::freePort();
        $this->url = "http://127.0.0.1:{$port}";
        $public = dirname(__DIR__, 2) . '/demo/public';
        $folder = self::folder();
        $command = [PHP_BINARY, '-S', "127.0.0.1:{$port}", '-t', $public, "{$public}/index.php"];
        parent::__construct($command, $folder, $environment + [
            'APP_URL' => $this->url,
            'DEMO_STORAGE' => $folder,
            'PHP_CLI_SERVER_WORKERS' => '8',
        ]);
        $this->await(fn (): bool => self::isListening($port));
    }

    /** Returns the number of requests for a path. */
    public function requestCount(string $method, string $path): int
    {
        return substr_count($this->output(), " {$method} {$path}");
    }
}

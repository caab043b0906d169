<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Illuminate\Foundation\Application;
use RuntimeException;

/** A sidecar on a Redis server, with the key prefixes of the demo app. */
final class Sidecar extends Process
{
    public const TOKEN = 'test-service-token-0123456789abcdef';

    public readonly int $port;

    public readonly string $url;

    /** Path of its unix socket. */
    public readonly string $socket;

    /** @param array<string, string> $environment */
    public function __construct(RedisServer $redis, array $environment = [], ?int $port = null)
    {
        $folder = self::folder();
        $this->port = $port ?? self::freePort();
        $this->url = "http://127.0.0.1:{$this->port}";
        $this->socket = "{$folder}/sidecar.sock";
        parent::__construct([self::binary(), 'serve'], $folder, $environment + [
            'PRESENCE_LISTEN' => "127.0.0.1:{$this->port},unix:{$this->socket}",
            'PRESENCE_TOKEN' => self::TOKEN,
            'PRESENCE_STORAGE' => $folder,
            'PRESENCE_CACHE_STORE' => 'redis',
            'PRESENCE_LARAVEL_VERSION' => explode('.', Application::VERSION)[0],
            'REDIS_PORT' => (string) $redis->port,
            'REDIS_PREFIX' => 'demo_database_',
            'CACHE_PREFIX' => 'demo_cache',
        ]);
        $this->await(fn (): bool => self::isListening($this->port) && file_exists($this->socket));
    }

    /** Returns the binary under test: PRESENCE_SIDECAR_BIN, or the one in target/. */
    public static function binary(): string
    {
        $candidates = glob(dirname(__DIR__, 3) . '/target/{debug,release}/presence-sidecar', GLOB_BRACE) ?: [];
        $binary = getenv('PRESENCE_SIDECAR_BIN') ?: $candidates[0] ?? '';

        return is_executable($binary) ? $binary : throw new RuntimeException(
            'presence-sidecar not found: run `cargo build`, or set PRESENCE_SIDECAR_BIN.'
        );
    }
}

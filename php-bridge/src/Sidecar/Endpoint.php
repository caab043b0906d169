<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

/** The address of a sidecar, its service token and the timeout of a call. */
final class Endpoint
{
    public function __construct(
        public readonly string $url,
        public readonly ?string $unix,
        public readonly string $token,
        public readonly float $timeoutSeconds
    ) {
    }

    /**
     * Reads the section "sidecar" of config/presence.php. Returns null if no address is set.
     *
     * @param array<string, mixed> $config
     */
    public static function fromConfig(array $config): ?self
    {
        if (empty($config['url']) && empty($config['unix'])) {
            return null;
        }

        return new self(
            rtrim($config['url'] ?: 'http://localhost', '/'),
            $config['unix'] ?: null,
            self::firstToken($config['token']),
            (float) $config['timeout']
        );
    }

    /** Returns the first entry of a comma-separated list, the format of secrets during rotation. */
    public static function firstToken(?string $list): string
    {
        return trim(explode(',', (string) $list)[0]);
    }

    /** Returns the address for messages. */
    public function describe(): string
    {
        return $this->unix === null ? $this->url : "unix:{$this->unix}";
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

/** Where a sidecar listens, and how long to wait for it. */
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
     * The endpoint of the section "sidecar" in config/presence.php, or null if that names none.
     *
     * @param array<string, mixed> $config
     */
    public static function of(array $config): ?self
    {
        if (empty($config['url']) && empty($config['unix'])) {
            return null;
        }

        return new self(
            rtrim($config['url'] ?: 'http://localhost', '/'),
            $config['unix'] ?: null,
            self::first($config['token']),
            (float) $config['timeout']
        );
    }

    /** The first entry of a comma list, as secrets are written while they are changed. */
    public static function first(?string $list): string
    {
        return trim(explode(',', (string) $list)[0]);
    }

    /** The endpoint in words, for messages. */
    public function describe(): string
    {
        return $this->unix === null ? $this->url : "unix:{$this->unix}";
    }
}

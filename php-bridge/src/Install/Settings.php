<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

use Illuminate\Contracts\Config\Repository;

/** The settings that an app with a sidecar has to have. */
final class Settings
{
    public const DEFAULT_URL = 'http://127.0.0.1:8137';

    /** Keys of config/presence.php by variable. */
    private const KEYS = [
        'PRESENCE_SIDECAR_URL' => 'sidecar.url',
        'PRESENCE_SIDECAR_SOCKET' => 'sidecar.unix',
        'PRESENCE_TOKEN' => 'sidecar.token',
        'PRESENCE_WEBHOOK_SECRET' => 'webhook.secret',
        'PRESENCE_SIDECAR_WEBHOOK_PATH' => 'webhook.receiver.path',
        'PRESENCE_SIDECAR_BROADCAST' => 'webhook.receiver.broadcast',
    ];

    public function __construct(private readonly Repository $config)
    {
    }

    public function hasAddress(): bool
    {
        return $this->setting('sidecar.url') || $this->setting('sidecar.unix');
    }

    /** Returns whether app and sidecar can find each other: by an address and a token. */
    public function areComplete(): bool
    {
        return $this->hasAddress() && $this->setting('sidecar.token');
    }

    /** Returns whether the sidecar listens on a unix socket or on a loopback address. */
    public function isOnThisHost(): bool
    {
        $host = parse_url((string) $this->setting('sidecar.url'), PHP_URL_HOST);

        return (bool) $this->setting('sidecar.unix') || in_array($host, ['localhost', '127.0.0.1', '[::1]'], true);
    }

    /**
     * Returns the variables that the app lacks, with new secrets. What the app has, from .env or from the environment,
     * is not among them.
     *
     * @param array<string, string> $address the variable with the address of the sidecar
     * @return array<string, string>
     */
    public function variables(array $address): array
    {
        $hasOwnReceiver = $this->setting('webhook.url') && ! $this->setting('webhook.receiver.path');
        $variables = $address + [
            'PRESENCE_TOKEN' => bin2hex(random_bytes(32)),
            'PRESENCE_WEBHOOK_SECRET' => 'whsec_' . base64_encode(random_bytes(32)),
        ];
        if (! $hasOwnReceiver) {
            $variables['PRESENCE_SIDECAR_WEBHOOK_PATH'] = 'hooks/presence-sidecar';
            if (! in_array($this->config->get('broadcasting.default'), [null, 'null', 'log'], true)) {
                $variables['PRESENCE_SIDECAR_BROADCAST'] = 'true';
            }
        }
        $isUnset = fn (string $name): bool => ! $this->setting(self::KEYS[$name]);

        return array_filter($variables, $isUnset, ARRAY_FILTER_USE_KEY);
    }

    /**
     * Applies variables to the configuration of this process, as the next process will read them from .env.
     *
     * @param array<string, string> $variables
     */
    public function apply(array $variables): void
    {
        foreach ($variables as $name => $value) {
            $this->config->set('presence.' . self::KEYS[$name], $value);
        }
    }

    /** Returns the address of an archive; null if no address of releases is configured. */
    public function archiveUrl(string $name): ?string
    {
        $base = $this->setting('sidecar.release_url');

        return $base ? rtrim($base, '/') . "/{$name}" : null;
    }

    private function setting(string $key): mixed
    {
        return $this->config->get("presence.{$key}");
    }
}

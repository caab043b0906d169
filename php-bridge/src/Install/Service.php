<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

/** Definitions of the sidecar as a service, for the host's process supervisor. */
final class Service
{
    /** The supervisors that a definition can be made for. */
    public const SUPERVISORS = ['supervisor', 'systemd'];

    public function __construct(
        private readonly string $binary,
        private readonly string $configuration,
        private readonly string $storage
    ) {
    }

    /** Returns the definition for one of the supervisors, with the path of its file in the first line. */
    public function describe(string $supervisor): string
    {
        $command = "{$this->binary} serve --config {$this->configuration}";

        return $supervisor === 'systemd' ? <<<SYSTEMD
            # /etc/systemd/system/presence-sidecar.service
            [Unit]
            Description=presence-sidecar
            After=network-online.target

            [Service]
            ExecStart={$command}
            Environment=PRESENCE_STORAGE={$this->storage}
            User=www-data
            Restart=always
            LimitNOFILE=65536

            [Install]
            WantedBy=multi-user.target
            SYSTEMD : <<<SUPERVISOR
            ; /etc/supervisor/conf.d/presence-sidecar.conf
            [program:presence-sidecar]
            command={$command}
            environment=PRESENCE_STORAGE="{$this->storage}"
            user=www-data
            autorestart=true
            stopwaitsecs=25
            SUPERVISOR;
    }
}

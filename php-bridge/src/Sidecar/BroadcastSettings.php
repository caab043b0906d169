<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Config\Repository;

/** The sidecar's section "broadcast", derived from the app's broadcast connection: Reverb, or Pusher and its like. */
final class BroadcastSettings
{
    /** Beginnings of the names of guarded channels, on which no page can listen without authorization. */
    private const GUARDED = ['reverb' => '/^(presence|private)/', 'pusher' => '/^(presence|private)-/'];

    public function __construct(private readonly Repository $config)
    {
    }

    /** @return array<string, mixed> nothing if the app broadcasts in another way, or without keys */
    public function toArray(): array
    {
        $name = (string) $this->config->get('broadcasting.default');
        $connection = (array) $this->config->get("broadcasting.connections.{$name}");
        $driver = (string) ($connection['driver'] ?? '');
        $keys = array_intersect_key($connection, array_flip(['app_id', 'key', 'secret']));
        if (! isset(self::GUARDED[$driver]) || count(array_filter($keys)) < 3) {
            return [];
        }
        $options = (array) ($connection['options'] ?? []);
        $place = array_intersect_key($options, array_flip(['host', 'port', 'scheme', 'path', 'cluster']));
        unset($place[$driver === 'reverb' ? 'cluster' : 'path']);
        $place = array_filter($place, fn (mixed $value): bool => ! in_array($value, [null, ''], true));
        if (isset($place['port'])) {
            $place['port'] = (int) $place['port'];
        }

        return [
            'connection' => $driver,
            'channels' => ['public' => $this->publicChannels($driver), 'user' => (string) $this->channels('user')],
            $driver => array_map('strval', $keys) + $place,
        ];
    }

    /** @return list<string> */
    private function publicChannels(string $driver): array
    {
        $isOpen = fn (string $name): bool => preg_match(self::GUARDED[$driver], $name) === 0;

        return array_values(array_filter(array_filter((array) $this->channels('public')), $isOpen));
    }

    private function channels(string $kind): mixed
    {
        return $this->config->get("presence.broadcast.channels.{$kind}");
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use RuntimeException;

/** Records broadcasts. It accepts what Reverb 1.10 accepts: channel names of its alphabet, requests of 10,000 bytes. */
final class RecordingBroadcaster extends Broadcaster
{
    /** Bytes of the head of a request to Reverb. */
    private const HEAD_BYTES = 430;

    public int $maxBytes = 10_000;

    /** @var array<string, array<string, mixed>> the last payload by channel */
    public array $payloads = [];

    /** @var list<string> names of the events */
    public array $names = [];

    public function auth($request): mixed
    {
        return parent::verifyUserCanAccessChannel($request, substr($request->channel_name, strlen('private-')));
    }

    public function validAuthenticationResponse($request, $result): mixed
    {
        return $result;
    }

    public function broadcast(array $channels, $event, array $payload = []): void
    {
        unset($payload['socket']);
        $names = array_map('strval', $channels);
        $request = ['name' => $event, 'data' => json_encode($payload), 'channels' => $names];
        foreach ($names as $name) {
            if (preg_match('/\A[-a-zA-Z0-9_=@,.;]+\z/', $name) !== 1) {
                throw new RuntimeException("Invalid channel name {$name}");
            }
            $this->payloads[$name] = $payload;
        }
        if (strlen((string) json_encode($request)) + self::HEAD_BYTES > $this->maxBytes) {
            throw new RuntimeException('Payload too large.');
        }
        $this->names[] = $event;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use Illuminate\Broadcasting\Broadcasters\Broadcaster;
use RuntimeException;

/** Publishes over Pusher's HTTP API, as Laravel's drivers "reverb" and "pusher" do with pusher/pusher-php-server. */
final class PusherBroadcaster extends Broadcaster
{
    private const KEY = 'key';

    private const SECRET = 'secret';

    public function __construct(private readonly string $url)
    {
    }

    public function auth($request): mixed
    {
        return null;
    }

    public function validAuthenticationResponse($request, $result): mixed
    {
        return $result;
    }

    public function broadcast(array $channels, $event, array $payload = []): void
    {
        $body = (string) json_encode([
            'name' => $event,
            'data' => json_encode($payload),
            'channels' => array_map('strval', $channels),
        ]);
        $path = '/apps/app/events';
        $query = sprintf(
            'auth_key=%s&auth_timestamp=%d&auth_version=1.0&body_md5=%s',
            self::KEY,
            time(),
            md5($body)
        );
        $signature = hash_hmac('sha256', "POST\n{$path}\n{$query}", self::SECRET);
        $curl = curl_init("{$this->url}{$path}?{$query}&auth_signature={$signature}");
        curl_setopt_array($curl, [
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Expect:'],
            CURLOPT_RETURNTRANSFER => true,
        ]);
        curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($status !== 200) {
            throw new RuntimeException("The broadcast server responded with {$status}");
        }
    }
}

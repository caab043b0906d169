<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use Illuminate\Support\Carbon;

/** Sends the app's own receiver a signed ping, as `presence-sidecar webhooks test` does. A ping dispatches no event. */
final class Ping
{
    private const TIMEOUT_SECONDS = 3;

    public function __construct(
        private readonly string $secret,
        private readonly string $header,
        private readonly string $algo
    ) {
    }

    /** Returns why the receiver did not accept the ping; null if it did. */
    public function send(string $url): ?string
    {
        $body = '{"event":"ping"}';
        $time = Carbon::now()->getTimestamp();
        $signature = hash_hmac($this->algo, "{$time}.{$body}", $this->secret);
        $curl = curl_init($url);
        curl_setopt_array($curl, [
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => ['Content-Type: application/json', "{$this->header}: t={$time},v1={$signature}"],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => self::TIMEOUT_SECONDS,
        ]);
        $response = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);

        return match (true) {
            $response === false => curl_error($curl),
            $status >= 300 => "it responded with {$status}",
            default => null,
        };
    }
}

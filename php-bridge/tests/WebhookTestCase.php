<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use Illuminate\Support\Facades\Event;
use Illuminate\Testing\TestResponse;

/** Sends signed webhooks to the receiver. */
abstract class WebhookTestCase extends TestCase
{
    protected const EVENTS = [
        UserCameOnline::class, UserWentAway::class, UserWentOffline::class, PresenceUpdated::class,
        PresenceBroadcast::class,
    ];

    protected array $config = [
        'presence.webhook.receiver.path' => 'hooks/sidecar',
        'presence.webhook.secret' => self::WEBHOOK_SECRET,
    ];

    protected function setUp(): void
    {
        parent::setUp();
        Event::fake(self::EVENTS);
    }

    protected function body(string $event, int $seq = 1, array $fields = []): string
    {
        $body = $fields + [
            'user_id' => $this->id,
            'occurred_at' => '2026-03-04T05:06:07+00:00',
            'meta' => ['ip' => '10.0.0.1', 'url' => 'https://ex.test/é'],
            'id' => "evt-{$this->id}-{$seq}",
            'event' => $event,
            'status' => $event === 'heartbeat' ? 'online' : $event,
            'seq' => $seq,
            'scope' => ['tenant' => null, 'location' => null, 'domain' => null, 'guard' => 'web'],
        ];

        return (string) json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    }

    /** @return array<string, string> the header X-Presence-Signature */
    protected function sign(string $body, array $secrets = [self::WEBHOOK_SECRET], int $age = 0): array
    {
        $time = time() - $age;
        $sign = fn (string $secret): string => ',v1=' . hash_hmac('sha256', "{$time}.{$body}", $secret);

        return ['X-Presence-Signature' => "t={$time}" . implode('', array_map($sign, $secrets))];
    }

    /** @return array<string, string> the headers of Standard Webhooks */
    protected function signStandard(string $body, array $keys = [self::WEBHOOK_SECRET], int $age = 0): array
    {
        $time = time() - $age;
        $sign = fn (string $key): string
            => 'v1,' . base64_encode(hash_hmac('sha256', "msg-1.{$time}.{$body}", $key, true));

        return [
            'webhook-id' => 'msg-1',
            'webhook-timestamp' => (string) $time,
            'webhook-signature' => implode(' ', array_map($sign, $keys)),
        ];
    }

    protected function receive(string $body, ?array $headers = null): TestResponse
    {
        $headers = ($headers ?? $this->sign($body)) + ['Content-Type' => 'application/json'];
        $server = $this->transformHeadersToServerVars($headers);

        return $this->call('POST', '/hooks/sidecar', [], [], [], $server, $body);
    }
}

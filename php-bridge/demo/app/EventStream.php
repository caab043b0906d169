<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Support\Facades\Redis;
use Symfony\Component\HttpFoundation\StreamedResponse;

/** Streams the broadcasts on status.global to a browser as Server-Sent Events. */
final class EventStream
{
    /** The stream ends after this time without a broadcast; the browser reconnects. */
    private const IDLE_TIMEOUT_SECONDS = 30;

    public function __invoke(): StreamedResponse
    {
        $headers = ['Content-Type' => 'text/event-stream', 'Cache-Control' => 'no-store', 'X-Accel-Buffering' => 'no'];

        return new StreamedResponse(function (): void {
            ini_set('default_socket_timeout', (string) self::IDLE_TIMEOUT_SECONDS);
            $this->send("retry: 200\n: welcome\n\n");
            $redis = Redis::connection('default')->client();
            $redis->setOption(\Redis::OPT_READ_TIMEOUT, self::IDLE_TIMEOUT_SECONDS);
            try {
                $redis->subscribe(['status.global'], function ($redis, $channel, string $message): void {
                    $broadcast = json_decode($message, true);
                    $this->send("event: {$broadcast['event']}\ndata: " . json_encode($broadcast['data']) . "\n\n");
                });
            } catch (\RedisException) {
                // The idle timeout has passed.
            }
        }, 200, $headers);
    }

    private function send(string $text): void
    {
        echo $text;
        while (ob_get_level() > 0) {
            ob_end_flush();
        }
        flush();
    }
}

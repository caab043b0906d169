<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Support\Facades\Redis;
use Symfony\Component\HttpFoundation\StreamedResponse;

/** Hands what is broadcast on presence.global to a browser, as Server-Sent Events. */
final class EventStream
{
    /** Seconds without news after which the browser has to come again. */
    private const LASTS_SECONDS = 30;

    public function __invoke(): StreamedResponse
    {
        $headers = ['Content-Type' => 'text/event-stream', 'Cache-Control' => 'no-store', 'X-Accel-Buffering' => 'no'];

        return new StreamedResponse(function (): void {
            ini_set('default_socket_timeout', (string) self::LASTS_SECONDS);
            $this->send("retry: 200\n: welcome\n\n");
            $redis = Redis::connection('pubsub')->client();
            $redis->setOption(\Redis::OPT_READ_TIMEOUT, self::LASTS_SECONDS);
            try {
                $redis->subscribe(['presence.global'], function ($redis, $channel, string $message): void {
                    $told = json_decode($message, true);
                    $this->send("event: {$told['event']}\ndata: " . json_encode($told['data']) . "\n\n");
                });
            } catch (\RedisException) {
                // Nothing happened for so long; the browser comes again.
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

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Support\ChannelName;
use AesirCloud\Presence\Support\ErrorReporter;
use Illuminate\Broadcasting\Channel;
use Illuminate\Broadcasting\PrivateChannel;
use Throwable;

/** Broadcasts changes to browsers. A failure is reported and never reaches the caller. */
final class Broadcaster
{
    /** Allowance for the head of the request to the broadcaster: path, signature and header lines. */
    private const HEAD_BYTES = 1000;

    /**
     * @param list<string> $publicChannels names of the public channels
     * @param string|null $userChannel name of a user's private channel, with the placeholder {id}; null for none
     * @param int $maxBytes maximum size of a request to the broadcaster, 0 = unlimited
     */
    public function __construct(
        private readonly array $publicChannels,
        private readonly ?string $userChannel,
        private readonly int $maxBytes
    ) {
    }

    /** Broadcasts a change on the public channels without its meta, and on the user's private channel. */
    public function broadcast(Change $change): void
    {
        if ($this->publicChannels !== []) {
            $channels = array_map(fn (string $name): Channel => new Channel($name), $this->publicChannels);
            $this->send(new PresenceBroadcast($channels, $change->publicPayload()));
        }
        if ($this->userChannel !== null) {
            $channel = new PrivateChannel(ChannelName::forUser($this->userChannel, $change->userId));
            $whole = new PresenceBroadcast([$channel], $change->payload);
            $this->send($this->fits($whole) ? $whole : new PresenceBroadcast([$channel], $change->publicPayload()));
        }
    }

    private function send(PresenceBroadcast $broadcast): void
    {
        try {
            event($broadcast);
        } catch (Throwable $error) {
            ErrorReporter::report($error);
        }
    }

    /** Returns whether the broadcaster accepts a broadcast. Its data is JSON inside of JSON, as Pusher's protocol has it. */
    private function fits(PresenceBroadcast $broadcast): bool
    {
        $body = json_encode([
            'name' => $broadcast->broadcastAs(),
            'data' => json_encode($broadcast->broadcastWith()),
            'channels' => array_map('strval', $broadcast->broadcastOn()),
        ]);

        return $this->maxBytes === 0 || strlen((string) $body) + self::HEAD_BYTES <= $this->maxBytes;
    }
}

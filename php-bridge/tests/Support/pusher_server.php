<?php

/*
 * A broadcast server that behaves as Laravel Reverb 1.10.2 was measured to: Pusher's protocol over WebSockets, its HTTP
 * API with answers in HTTP/1.0, at most 10,000 bytes per request, and a guard on every channel whose name begins with
 * "presence" or "private", hyphen or not.
 *
 *   php pusher_server.php PORT
 */

declare(strict_types=1);

const KEY = 'key';
const SECRET = 'secret';
const MAX_REQUEST_BYTES = 10_000;

/** @return string a text frame of RFC 6455 */
function frame(array $message): string
{
    $json = (string) json_encode($message, JSON_UNESCAPED_SLASHES);
    $length = strlen($json);

    return "\x81" . ($length < 126 ? chr($length) : "\x7e" . pack('n', $length)) . $json;
}

/** Takes the first complete frame out of the buffer. Returns its text; null if there is none yet. */
function takeFrame(string &$buffer): ?string
{
    $length = ord($buffer[1] ?? "\0") & 127;
    $offset = $length === 126 ? 4 : 2;
    $length = $length === 126 && strlen($buffer) >= 4 ? unpack('n', $buffer, 2)[1] : $length;
    if (strlen($buffer) < $offset + 4 + $length) {
        return null;
    }
    $mask = str_repeat(substr($buffer, $offset, 4), intdiv($length, 4) + 1);
    $text = substr($buffer, $offset + 4, $length) ^ substr($mask, 0, $length);
    $isText = (ord($buffer[0]) & 15) === 1;
    $buffer = substr($buffer, $offset + 4 + $length);

    return $isText ? $text : '';
}

/** @return array<string, mixed> the answer to a message of a subscriber */
function answer(array $message, string $socketId, array &$channels): array
{
    $channel = $message['data']['channel'] ?? '';
    if ($message['event'] !== 'pusher:subscribe') {
        return ['event' => 'pusher:pong'];
    }
    $auth = KEY . ':' . hash_hmac('sha256', "{$socketId}:{$channel}", SECRET);
    if (preg_match('/^(presence|private)/', $channel) && ($message['data']['auth'] ?? '') !== $auth) {
        $error = ['code' => 4009, 'message' => 'Connection is unauthorized'];

        return ['event' => 'pusher:error', 'data' => json_encode($error)];
    }
    $channels[] = $channel;

    return ['event' => 'pusher_internal:subscription_succeeded', 'channel' => $channel, 'data' => '{}'];
}

/** @return array{string, list<array<string, mixed>>} status line, and the events to deliver: one, or those of a batch */
function publish(string $head, string $body): array
{
    preg_match('~^POST (/apps/\w+/(?:batch_)?events)\?(\S+) ~', $head, $matches);
    parse_str($matches[2] ?? '', $query);
    $signature = $query['auth_signature'] ?? '';
    unset($query['auth_signature']);
    ksort($query);
    $signed = "POST\n" . ($matches[1] ?? '') . "\n" . urldecode(http_build_query($query));
    $size = strlen($head) + strlen($body);
    $body = json_decode($body, true);
    $events = $body['batch'] ?? [$body];
    $isValid = fn ($event): bool => is_string($event['data'] ?? null) && $event['data'] !== '';

    return match (true) {
        $size > MAX_REQUEST_BYTES => ['413 Payload too large.', []],
        ! hash_equals(hash_hmac('sha256', $signed, SECRET), $signature) => ['401 Unauthorized', []],
        array_filter($events, $isValid) !== $events => ['422 Unprocessable Content', []],
        default => ['200 OK', $events],
    };
}

/** Sends an event to the subscribers of its channels. */
function deliver(array $event, array $clients): void
{
    foreach ($clients as $subscriber) {
        $channels = $event['channels'] ?? [$event['channel'] ?? null];
        foreach (array_intersect($channels, $subscriber['channels']) as $channel) {
            $message = ['event' => $event['name'], 'data' => $event['data'], 'channel' => $channel];
            fwrite($subscriber['stream'], frame($message));
        }
    }
}

/** @return string the answer to the head of a WebSocket's request */
function accept(string $head, string $socketId): string
{
    preg_match('/^Sec-WebSocket-Key: (\S+)/mi', $head, $matches);
    $accept = base64_encode(sha1($matches[1] . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11', true));
    $established = json_encode(['socket_id' => $socketId, 'activity_timeout' => 30]);

    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        . "Sec-WebSocket-Accept: {$accept}\r\n\r\n"
        . frame(['event' => 'pusher:connection_established', 'data' => $established]);
}

$listener = stream_socket_server("tcp://127.0.0.1:{$argv[1]}") ?: exit(1);
/** @var array<int, array{stream: resource, buffer: string, socket: string|null, channels: list<string>}> $clients */
$clients = [];
while (true) {
    $reading = [$listener, ...array_column($clients, 'stream')];
    [$writing, $failing] = [null, null];
    stream_select($reading, $writing, $failing, null);
    foreach ($reading as $stream) {
        if ($stream === $listener) {
            $accepted = stream_socket_accept($listener);
            $clients[(int) $accepted] = ['stream' => $accepted, 'buffer' => '', 'socket' => null, 'channels' => []];
            continue;
        }
        $client = &$clients[(int) $stream];
        $part = (string) fread($stream, 65536);
        $client['buffer'] .= $part;
        if ($part === '') {
            unset($clients[(int) $stream], $client);
            fclose($stream);
            continue;
        }
        if ($client['socket'] === null && str_contains($client['buffer'], "\r\n\r\n")) {
            [$head, $body] = explode("\r\n\r\n", $client['buffer'], 2);
            preg_match('/^Content-Length: (\d+)/mi', $head, $length);
            if (stripos($head, 'Upgrade: websocket') !== false) {
                $client['socket'] = random_int(1, 99999) . '.' . random_int(1, 99999);
                $client['buffer'] = $body;
                fwrite($stream, accept($head, $client['socket']));
            } elseif (strlen($body) >= (int) ($length[1] ?? 0)) {
                [$status, $events] = publish($head, $body);
                foreach ($events as $event) {
                    deliver($event, $clients);
                }
                fwrite($stream, "HTTP/1.0 {$status}\r\nContent-Type: application/json\r\n\r\n{}");
                unset($clients[(int) $stream], $client);
                fclose($stream);
                continue;
            }
        }
        while ($client['socket'] !== null && ($text = takeFrame($client['buffer'])) !== null) {
            $message = json_decode($text, true);
            if (is_array($message)) {
                fwrite($stream, frame(answer($message, $client['socket'], $client['channels'])));
            }
        }
        unset($client);
    }
}

#!/usr/bin/env php
<?php

/*
 * A test client for encrypted messages, in plain PHP with ext-openssl: no framework, no other package. It registers,
 * polls, decrypts, prints, acknowledges, encrypts and sends as the sidecar's documentation of the messaging protocol
 * describes.
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Simulator;

use JsonException;
use RuntimeException;

const HELP = <<<'TEXT'
    A test client for encrypted messages: registers, then polls, decrypts, prints and acknowledges.

    Usage: client-simulator.php [options]

      --url=URL            address of the sidecar (default: http://127.0.0.1:8137)
      --fingerprint=TEXT   identifies the client; the same fingerprint gets the same credentials, so keep it secret
                           (default: "simulator at" and the host name)
      --name=TEXT          display name
      --send=TEXT          send this message before polling
      --to=ID,ID           relay the message to these clients; without it only operators can read it
      --type=TYPE          type of the message (default: chat)
      --once               print the pending messages and exit
      --json               print one JSON object per message
      --help               print this text

    If the sidecar requires a registration token, set PRESENCE_REGISTRATION_TOKEN in the environment.
    The pause between polls is 3 seconds after a message and doubles up to 30 seconds while there are none.

    TEXT;

/** The sidecar is unreachable, busy or down: a retry may succeed. */
final class RetryableError extends RuntimeException
{
    public function __construct(string $message, public readonly int $retryAfterSeconds = 0)
    {
        parent::__construct($message);
    }
}

/** The sidecar rejected the request. */
final class RequestRejected extends RuntimeException
{
}

/** HTTP client of the sidecar's API. */
final class Sidecar
{
    public function __construct(private readonly string $url)
    {
    }

    /**
     * @param  array<string, string>  $headers
     * @param  array<string, mixed>|null  $body
     * @return array<string, mixed>|null  null for 204
     */
    public function call(string $method, string $path, array $headers, ?array $body = null): ?array
    {
        $headers += ['Accept' => 'application/json', 'Content-Type' => 'application/json'];
        $lines = array_map(static fn (string $name): string => "$name: $headers[$name]", array_keys($headers));
        $options = ['method' => $method, 'header' => $lines, 'ignore_errors' => true, 'timeout' => 15];
        $options += ['follow_location' => 0, 'content' => $body === null ? '' : encode($body)];
        $stream = @fopen($this->url . '/api/v1' . $path, 'rb', false, stream_context_create(['http' => $options]));
        if ($stream === false) {
            throw new RetryableError("no response from $this->url");
        }
        $text = (string) stream_get_contents($stream);
        [$status, $retryAfter] = $this->parseHeaders(stream_get_meta_data($stream)['wrapper_data']);
        $data = json_decode($text, true);
        $message = is_array($data) ? (string) ($data['message'] ?? '') : '';

        return match (true) {
            $status === 204 => null,
            $status >= 200 && $status < 300 && is_array($data) => $data,
            $status === 429 || $status >= 500 => throw new RetryableError("$message (HTTP $status)", $retryAfter),
            default => throw new RequestRejected("$message (HTTP $status)"),
        };
    }

    /**
     * @param  list<string>  $lines
     * @return array{int, int}  status and seconds of Retry-After
     */
    private function parseHeaders(array $lines): array
    {
        $status = (int) (explode(' ', $lines[0])[1] ?? 0);
        $retryAfter = preg_grep('/^retry-after:/i', $lines) ?: [];

        return [$status, (int) trim(substr((string) reset($retryAfter), strlen('retry-after:')))];
    }
}

/** A registered client. */
final class Client
{
    private int $lastId = 0;

    /** @param  array{client_id: string, personal_token: string, api_token: string}  $credentials */
    public function __construct(private readonly Sidecar $sidecar, private readonly array $credentials)
    {
    }

    public static function register(Sidecar $sidecar, string $fingerprint, ?string $name): self
    {
        $token = (string) getenv('PRESENCE_REGISTRATION_TOKEN');
        $body = ['fingerprint' => $fingerprint] + ($name === null ? [] : ['name' => $name]);
        $headers = $token === '' ? [] : ['X-Registration-Token' => $token];

        return new self($sidecar, $sidecar->call('POST', '/clients/register', $headers, $body) ?? []);
    }

    public function id(): string
    {
        return $this->credentials['client_id'];
    }

    /**
     * Fetches the next messages, passes each to $show, then acknowledges all of them. Returns their number.
     *
     * @param  callable(array<string, mixed>): void  $show
     */
    public function poll(callable $show): int
    {
        $query = $this->lastId > 0 ? "?cursor=$this->lastId" : '';
        $messages = $this->sidecar->call('GET', "/messages/poll$query", $this->headers())['messages'] ?? [];
        foreach ($messages as $message) {
            $show($this->decrypt($message));
            $this->lastId = $message['id'];
        }
        if ($messages !== []) {
            $this->sidecar->call('POST', '/messages/ack', $this->headers(), ['last_received_id' => $this->lastId]);
        }

        return count($messages);
    }

    /** @param  list<string>  $to */
    public function encrypt(string $type, mixed $payload, array $to): array
    {
        $time = date(DATE_ATOM);
        $plain = ['type' => $type, 'payload' => $payload, 'ts' => $time] + ($to === [] ? [] : ['to_client_ids' => $to]);
        $aad = ['from' => $this->id(), 'ts' => $time];
        $nonce = random_bytes(12);
        $ciphertext = openssl_encrypt(
            encode($plain),
            'aes-256-gcm',
            $this->key(),
            OPENSSL_RAW_DATA,
            $nonce,
            $tag,
            encode($aad),
        );
        $parts = ['ciphertext' => (string) $ciphertext, 'nonce' => $nonce, 'tag' => (string) $tag];

        return array_map('base64_encode', $parts) + ['aad' => $aad];
    }

    /** Sends an encrypted message. A retry must send the same body: the sidecar stores it once. */
    public function send(array $message): void
    {
        $this->sidecar->call('POST', '/messages/send', $this->headers(), $message);
    }

    /** @return array<string, mixed> */
    private function decrypt(array $message): array
    {
        foreach (['to', 'from'] as $role) {
            $plain = openssl_decrypt(
                base64_decode($message['ciphertext']),
                'aes-256-gcm',
                $this->key(),
                OPENSSL_RAW_DATA,
                base64_decode($message['nonce']),
                base64_decode($message['tag']),
                encode([$role => $this->id(), 'ts' => $message['created_at']]),
            );
            if ($plain !== false) {
                $data = json_decode($plain, true);
                $payload = is_array($data) && array_key_exists('payload', $data) ? $data['payload'] : $data;

                return ['id' => $message['id'], 'type' => $message['type'], 'created_at' => $message['created_at'],
                    'own' => $role === 'from', 'payload' => $payload];
            }
        }

        return ['id' => $message['id'], 'type' => $message['type'], 'created_at' => $message['created_at'],
            'own' => false, 'payload' => null, 'error' => 'cannot be decrypted'];
    }

    private function key(): string
    {
        return (string) base64_decode($this->credentials['personal_token'], true);
    }

    /** @return array<string, string> */
    private function headers(): array
    {
        return ['Authorization' => 'Bearer ' . $this->credentials['api_token'], 'X-Client-Id' => $this->id()];
    }
}

/** @throws JsonException */
function encode(mixed $value): string
{
    return json_encode($value, JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
}

/** Formats a message for the terminal, without control characters. */
function format_message(array $message): string
{
    $payload = $message['payload'];
    $text = is_array($payload) && array_keys($payload) === ['text'] && is_string($payload['text'])
        ? $payload['text']
        : json_encode($payload, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    $arrow = $message['own'] ? '>' : '<';
    $line = "{$message['created_at']} $arrow {$message['type']}  " . ($message['error'] ?? $text);

    return (string) preg_replace('/\p{Cc}/u', ' ', $line);
}

/** Returns the pause in seconds after a poll with this number of messages, and the next pause if there are none. */
function next_pause(int $count, int $wait): array
{
    return $count > 0 ? [$count < 50 ? 3 : 0, 3] : [$wait, min(30, $wait * 2)];
}

/** @param  array<string, string|false>  $options */
function run(array $options): void
{
    $sidecar = new Sidecar(rtrim($options['url'] ?? 'http://127.0.0.1:8137', '/'));
    $fingerprint = $options['fingerprint'] ?? 'simulator at ' . gethostname();
    $client = Client::register($sidecar, $fingerprint, $options['name'] ?? null);
    fwrite(STDERR, "client {$client->id()}\n");
    $to = array_values(array_filter(explode(',', $options['to'] ?? '')));
    $message = isset($options['send'])
        ? $client->encrypt($options['type'] ?? 'chat', ['text' => $options['send']], $to)
        : null;
    $show = static function (array $message) use ($options): void {
        echo isset($options['json']) ? encode($message) : format_message($message), "\n";
    };
    for ($wait = 3;;) {
        try {
            if ($message !== null) {
                $client->send($message);
                $message = null;
            }
            [$pause, $wait] = next_pause($client->poll($show), $wait);
            if (isset($options['once']) && $pause > 0) {
                return;
            }
        } catch (RetryableError $error) {
            if (isset($options['once'])) {
                throw $error;
            }
            fwrite(STDERR, $error->getMessage() . "; retrying\n");
            [$pause, $wait] = next_pause(0, $wait);
            $pause = max($pause, $error->retryAfterSeconds);
        }
        sleep($pause);
    }
}

$names = ['url:', 'fingerprint:', 'name:', 'send:', 'to:', 'type:', 'once', 'json', 'help'];
$options = getopt('', $names, $rest);
// getopt() ignores unknown options.
$known = '/^--(url|fingerprint|name|send|to|type)(=|$)|^--(once|json|help)$|^[^-]/';
$unknown = preg_grep($known, $argv, PREG_GREP_INVERT);
if (isset($options['help']) || $rest < $argc || $unknown !== []) {
    fwrite(isset($options['help']) ? STDOUT : STDERR, HELP);
    exit(isset($options['help']) ? 0 : 2);
}
try {
    run($options);
} catch (RetryableError | RequestRejected $error) {
    fwrite(STDERR, "client-simulator: {$error->getMessage()}\n");
    exit(1);
}

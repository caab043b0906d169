#!/usr/bin/env php
<?php

/*
 * A client of sealed messages to try a sidecar with, in PHP alone: ext-openssl and streams, no framework, no package.
 * It registers, polls, decrypts, prints, acknowledges, seals and sends as the sidecar's README describes it, in the
 * section "The messaging protocol".
 */

declare(strict_types=1);

namespace AesirCloud\Presence\Simulator;

use JsonException;
use RuntimeException;

const HELP = <<<'TEXT'
    Simulates a client of sealed messages: registers, then polls, decrypts, prints and acknowledges.

    Usage: client-simulator.php [options]

      --url=URL            where the sidecar is (default: http://127.0.0.1:8137)
      --fingerprint=TEXT   what the client is known by: with the same one it is the same client (default: simulator
                           at this host). Whoever knows it gets the client's credentials
      --name=TEXT          what people call it
      --send=TEXT          send this, before polling
      --to=ID,ID           relay it to these clients; without it operators alone read it
      --type=TYPE          what it is about (default: chat)
      --once               take what is there and end
      --json               print messages as JSON, one object a line
      --help               this text

    A sidecar whose registration is closed wants PRESENCE_REGISTRATION_TOKEN in the environment.
    Between polls it waits 3 seconds while messages come, and ever longer, at last 30, while none do.

    TEXT;

/** The sidecar does not answer, is busy or down: the same may work later. */
final class Later extends RuntimeException
{
    public function __construct(string $message, public readonly int $seconds = 0)
    {
        parent::__construct($message);
    }
}

/** The sidecar says no. */
final class Refused extends RuntimeException
{
}

/** Calls of a sidecar. */
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
            throw new Later("$this->url does not answer");
        }
        $text = (string) stream_get_contents($stream);
        [$status, $retryAfter] = $this->head(stream_get_meta_data($stream)['wrapper_data']);
        $answer = json_decode($text, true);
        $message = is_array($answer) ? (string) ($answer['message'] ?? '') : '';

        return match (true) {
            $status === 204 => null,
            $status >= 200 && $status < 300 && is_array($answer) => $answer,
            $status === 429 || $status >= 500 => throw new Later("$message (HTTP $status)", $retryAfter),
            default => throw new Refused("$message (HTTP $status)"),
        };
    }

    /**
     * @param  list<string>  $lines
     * @return array{int, int}  the status and what Retry-After says
     */
    private function head(array $lines): array
    {
        $status = (int) (explode(' ', $lines[0])[1] ?? 0);
        $retryAfter = preg_grep('/^retry-after:/i', $lines) ?: [];

        return [$status, (int) trim(substr((string) reset($retryAfter), strlen('retry-after:')))];
    }
}

/** A registered client. */
final class Client
{
    private int $last = 0;

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
     * What has come since, opened; it is acknowledged once all of it went through $show.
     *
     * @param  callable(array<string, mixed>): void  $show
     */
    public function poll(callable $show): int
    {
        $query = $this->last > 0 ? "?cursor=$this->last" : '';
        $messages = $this->sidecar->call('GET', "/messages/poll$query", $this->headers())['messages'] ?? [];
        foreach ($messages as $message) {
            $show($this->opened($message));
            $this->last = $message['id'];
        }
        if ($messages !== []) {
            $this->sidecar->call('POST', '/messages/ack', $this->headers(), ['last_received_id' => $this->last]);
        }

        return count($messages);
    }

    /** @param  list<string>  $to */
    public function seal(string $type, mixed $payload, array $to): array
    {
        $time = date(DATE_ATOM);
        $plain = ['type' => $type, 'payload' => $payload, 'ts' => $time] + ($to === [] ? [] : ['to_client_ids' => $to]);
        $aad = ['from' => $this->id(), 'ts' => $time];
        $nonce = random_bytes(12);
        $sealed = openssl_encrypt(
            encode($plain),
            'aes-256-gcm',
            $this->key(),
            OPENSSL_RAW_DATA,
            $nonce,
            $tag,
            encode($aad),
        );
        $parts = ['ciphertext' => (string) $sealed, 'nonce' => $nonce, 'tag' => (string) $tag];

        return array_map('base64_encode', $parts) + ['aad' => $aad];
    }

    /** The same body may be sent again: it is stored once. */
    public function send(array $sealed): void
    {
        $this->sidecar->call('POST', '/messages/send', $this->headers(), $sealed);
    }

    /** @return array<string, mixed> */
    private function opened(array $message): array
    {
        foreach (['to', 'from'] as $who) {
            $plain = openssl_decrypt(
                base64_decode($message['ciphertext']),
                'aes-256-gcm',
                $this->key(),
                OPENSSL_RAW_DATA,
                base64_decode($message['nonce']),
                base64_decode($message['tag']),
                encode([$who => $this->id(), 'ts' => $message['created_at']]),
            );
            if ($plain !== false) {
                $says = json_decode($plain, true);
                $payload = is_array($says) && array_key_exists('payload', $says) ? $says['payload'] : $says;

                return ['id' => $message['id'], 'type' => $message['type'], 'created_at' => $message['created_at'],
                    'own' => $who === 'from', 'payload' => $payload];
            }
        }

        return ['id' => $message['id'], 'type' => $message['type'], 'created_at' => $message['created_at'],
            'own' => false, 'payload' => null, 'error' => 'cannot be opened'];
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

/** A message for people, without what a terminal would take for a command. */
function line(array $message): string
{
    $payload = $message['payload'];
    $text = is_array($payload) && array_keys($payload) === ['text'] && is_string($payload['text'])
        ? $payload['text']
        : json_encode($payload, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    $arrow = $message['own'] ? '>' : '<';
    $line = "{$message['created_at']} $arrow {$message['type']}  " . ($message['error'] ?? $text);

    return (string) preg_replace('/\p{Cc}/u', ' ', $line);
}

/** Seconds to wait after a poll that found so many, and the wait after that. */
function pace(int $found, int $wait): array
{
    return $found > 0 ? [$found < 50 ? 3 : 0, 3] : [$wait, min(30, $wait * 2)];
}

/** @param  array<string, string|false>  $options */
function run(array $options): void
{
    $sidecar = new Sidecar(rtrim($options['url'] ?? 'http://127.0.0.1:8137', '/'));
    $fingerprint = $options['fingerprint'] ?? 'simulator at ' . gethostname();
    $client = Client::register($sidecar, $fingerprint, $options['name'] ?? null);
    fwrite(STDERR, "client {$client->id()}\n");
    $to = array_values(array_filter(explode(',', $options['to'] ?? '')));
    $sealed = isset($options['send'])
        ? $client->seal($options['type'] ?? 'chat', ['text' => $options['send']], $to)
        : null;
    $show = static function (array $message) use ($options): void {
        echo isset($options['json']) ? encode($message) : line($message), "\n";
    };
    for ($wait = 3;;) {
        try {
            if ($sealed !== null) {
                $client->send($sealed);
                $sealed = null;
            }
            [$pause, $wait] = pace($client->poll($show), $wait);
            if (isset($options['once']) && $pause > 0) {
                return;
            }
        } catch (Later $later) {
            if (isset($options['once'])) {
                throw $later;
            }
            fwrite(STDERR, $later->getMessage() . "; trying again\n");
            [$pause, $wait] = pace(0, $wait);
            $pause = max($pause, $later->seconds);
        }
        sleep($pause);
    }
}

$names = ['url:', 'fingerprint:', 'name:', 'send:', 'to:', 'type:', 'once', 'json', 'help'];
$options = getopt('', $names, $rest);
// PHP passes over options that it does not know.
$known = '/^--(url|fingerprint|name|send|to|type)(=|$)|^--(once|json|help)$|^[^-]/';
$unknown = preg_grep($known, $argv, PREG_GREP_INVERT);
if (isset($options['help']) || $rest < $argc || $unknown !== []) {
    fwrite(isset($options['help']) ? STDOUT : STDERR, HELP);
    exit(isset($options['help']) ? 0 : 2);
}
try {
    run($options);
} catch (Later | Refused $failure) {
    fwrite(STDERR, "client-simulator: {$failure->getMessage()}\n");
    exit(1);
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use CurlHandle;

/** HTTP client of one sidecar. All calls of a request share one connection; with PHP 8.5, those of a php-fpm worker. */
final class Client
{
    /** A kept connection is not used again after this time without a call; the sidecar closes it after 75 seconds. */
    private const MAX_IDLE_SECONDS = 60;

    /** A kept connection is replaced after this time, so that new replicas behind a load balancer get calls. */
    private const MAX_LIFETIME_SECONDS = 300;

    private ?CurlHandle $curl = null;

    /** Process that opened the connection. A forked child must open its own: a shared one would mix up responses. */
    private int $ownerPid = 0;

    private bool $isForked = false;

    public function __construct(public readonly Endpoint $endpoint)
    {
    }

    /**
     * Sends a GET request.
     *
     * @param array<string, int|string|null> $query null values are omitted
     * @param array<string, string> $headers replace the service token
     * @return array<mixed> the decoded response
     * @throws SidecarException
     */
    public function get(string $path, array $query = [], array $headers = []): array
    {
        $query = http_build_query($query, '', '&', PHP_QUERY_RFC3986);

        return $this->call('GET', $query === '' ? $path : "{$path}?{$query}", $headers);
    }

    /**
     * Sends a POST request.
     *
     * @param array<mixed> $body sent as JSON
     * @param array<string, string> $headers replace the service token
     * @return array<mixed> the decoded response
     * @throws SidecarException
     */
    public function post(string $path, array $body, array $headers = []): array
    {
        // The meta comes from the app: a value that JSON cannot encode must not fail the heartbeat.
        $lenient = JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR;
        $json = json_encode($body, $lenient | JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_SLASHES);

        return $this->call('POST', $path, $headers, (string) $json);
    }

    /** @param array<string, string> $headers */
    private function call(string $method, string $path, array $headers, string $json = ''): array
    {
        $curl = $this->connection();
        $headers = $headers ?: ['Authorization' => "Bearer {$this->endpoint->token}"];
        curl_setopt_array($curl, [
            CURLOPT_URL => $this->endpoint->url . $path,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => self::headerLines($headers),
        ] + ($method === 'POST' ? [CURLOPT_POSTFIELDS => $json] : []));
        $response = curl_exec($curl);
        if ($response === false) {
            throw SidecarException::unreachable($this->endpoint, curl_error($curl));
        }
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $body = $status === 204 ? [] : json_decode($response, true);
        if ($status >= 300 || ! is_array($body)) {
            $call = $method . ' ' . strtok($path, '?');
            throw SidecarException::unexpectedResponse($this->endpoint, $call, $status, $body);
        }

        return $body;
    }

    /** Returns the curl handle with the common options. curl_reset() keeps the connection open. */
    private function connection(): CurlHandle
    {
        if ($this->ownerPid !== getmypid()) {
            $this->isForked = $this->ownerPid !== 0;
            [$this->curl, $this->ownerPid] = [curl_init(), getmypid()];
        }
        curl_reset($this->curl);
        $milliseconds = max(1, (int) ($this->endpoint->timeoutSeconds * 1000));
        curl_setopt_array($this->curl, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT_MS => $milliseconds,
            CURLOPT_CONNECTTIMEOUT_MS => $milliseconds,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_TCP_NODELAY => true,
            CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
            CURLOPT_PROXY => '',
        ] + ($this->endpoint->unix === null ? [] : [CURLOPT_UNIX_SOCKET_PATH => $this->endpoint->unix])
            + $this->sharing());

        return $this->curl;
    }

    /**
     * The requests that a php-fpm worker handles share one connection, if PHP can keep it (8.5). Other processes keep
     * their own: a forked child would share that of its parent.
     *
     * @return array<int, mixed>
     */
    private function sharing(): array
    {
        $canShare = function_exists('curl_share_init_persistent') && defined('CURLOPT_MAXLIFETIME_CONN');
        if (PHP_SAPI !== 'fpm-fcgi' || ! $canShare || $this->isForked) {
            return [];
        }

        return [
            CURLOPT_SHARE => curl_share_init_persistent([CURL_LOCK_DATA_CONNECT]),
            CURLOPT_MAXAGE_CONN => self::MAX_IDLE_SECONDS,
            CURLOPT_MAXLIFETIME_CONN => self::MAX_LIFETIME_SECONDS,
        ];
    }

    /**
     * @param array<string, string> $headers
     * @return list<string>
     */
    private static function headerLines(array $headers): array
    {
        // An empty "Expect:" stops curl from sending "Expect: 100-continue" with long bodies.
        $lines = ['Accept: application/json', 'Content-Type: application/json', 'Expect:'];
        foreach ($headers as $name => $value) {
            $lines[] = "{$name}: {$value}";
        }

        return $lines;
    }
}

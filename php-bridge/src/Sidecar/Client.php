<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use CurlHandle;

/** Calls to one sidecar, all of them over the same connection as long as that stays open. */
final class Client
{
    private ?CurlHandle $curl = null;

    /** The process that opened the connection. A fork must not share it: both would read each other's answers. */
    private int $owner = 0;

    public function __construct(public readonly Endpoint $endpoint)
    {
    }

    /**
     * Asks for something.
     *
     * @param array<string, int|string|null> $query what is null is left out
     * @param array<string, string> $headers in place of the service token
     * @return array<mixed> the decoded answer
     * @throws SidecarException
     */
    public function get(string $path, array $query = [], array $headers = []): array
    {
        $query = http_build_query($query, '', '&', PHP_QUERY_RFC3986);

        return $this->call('GET', $query === '' ? $path : "{$path}?{$query}", $headers);
    }

    /**
     * Does something.
     *
     * @param array<mixed> $body sent as JSON
     * @param array<string, string> $headers in place of the service token
     * @return array<mixed> the decoded answer
     * @throws SidecarException
     */
    public function post(string $path, array $body, array $headers = []): array
    {
        // Metas are the app's: what JSON cannot say of them must not lose the heartbeat.
        $lenient = JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR;
        $json = json_encode($body, $lenient | JSON_PRESERVE_ZERO_FRACTION | JSON_UNESCAPED_SLASHES);

        return $this->call('POST', $path, $headers, (string) $json);
    }

    /** @param array<string, string> $headers */
    private function call(string $method, string $path, array $headers, string $json = ''): array
    {
        $curl = $this->connection();
        curl_setopt_array($curl, [
            CURLOPT_URL => $this->endpoint->url . $path,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $this->lines($headers ?: ['Authorization' => "Bearer {$this->endpoint->token}"]),
        ] + ($method === 'POST' ? [CURLOPT_POSTFIELDS => $json] : []));
        $answer = curl_exec($curl);
        if ($answer === false) {
            throw SidecarException::unreachable($this->endpoint, curl_error($curl));
        }
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        $body = $status === 204 ? [] : json_decode($answer, true);
        if ($status >= 300 || ! is_array($body)) {
            throw SidecarException::refused($this->endpoint, $method . ' ' . strtok($path, '?'), $status, $body);
        }

        return $body;
    }

    /** The handle with the options that all calls share. Resetting it keeps its connection. */
    private function connection(): CurlHandle
    {
        if ($this->owner !== getmypid()) {
            [$this->curl, $this->owner] = [curl_init(), getmypid()];
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
        ] + ($this->endpoint->unix === null ? [] : [CURLOPT_UNIX_SOCKET_PATH => $this->endpoint->unix]));

        return $this->curl;
    }

    /**
     * @param array<string, string> $headers
     * @return list<string>
     */
    private function lines(array $headers): array
    {
        // An empty "Expect:" keeps curl from asking first whether a long body is welcome.
        $lines = ['Accept: application/json', 'Content-Type: application/json', 'Expect:'];
        foreach ($headers as $name => $value) {
            $lines[] = "{$name}: {$value}";
        }

        return $lines;
    }
}

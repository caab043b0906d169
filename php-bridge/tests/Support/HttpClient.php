<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A browser's requests to an app, with its cookies. */
final class HttpClient
{
    private readonly string $cookies;

    public function __construct(private readonly string $url)
    {
        $this->cookies = Process::folder() . '/cookies';
    }

    /**
     * @param array<string, string>|null $form null for GET
     * @param list<string> $headers
     * @return array{int, string} status and body
     */
    public function request(string $path, ?array $form = null, array $headers = []): array
    {
        $curl = curl_init($this->url . $path);
        curl_setopt_array($curl, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_COOKIEFILE => $this->cookies,
            CURLOPT_COOKIEJAR => $this->cookies,
            CURLOPT_HTTPHEADER => $headers,
        ] + ($form === null ? [] : [CURLOPT_POSTFIELDS => http_build_query($form)]));
        $body = (string) curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        unset($curl); // Writes the cookies.

        return [$status, $body];
    }

    /**
     * Returns the CSRF token of a page.
     *
     * @param list<string> $headers
     */
    public function csrf(string $path = '/login', array $headers = []): string
    {
        preg_match('/csrf-token" content="([^"]+)"/', $this->request($path, null, $headers)[1], $matches);

        return $matches[1] ?? '';
    }
}

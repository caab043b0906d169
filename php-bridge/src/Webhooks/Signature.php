<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use Illuminate\Http\Request;
use Illuminate\Support\Carbon;

/**
 * Verifies the signature and the age of a webhook. Two schemes are accepted: X-Presence-Signature, and Standard
 * Webhooks (https://www.standardwebhooks.com). During secret rotation there may be several signatures and several
 * secrets; one match is sufficient.
 */
final class Signature
{
    /** The example secret of aesircloud/laravel-presence. It is public, so it is never accepted. */
    public const EXAMPLE_SECRET = 'test-secret';

    /** @var list<string> */
    private readonly array $secrets;

    /** @param list<string|null> $secrets current and previous secrets, as configured */
    public function __construct(
        array $secrets,
        private readonly string $header,
        private readonly string $algo,
        private readonly int $toleranceSeconds
    ) {
        $usable = fn (?string $secret): bool => ! in_array($secret, [null, '', self::EXAMPLE_SECRET], true);
        $this->secrets = array_values(array_filter($secrets, $usable));
    }

    public function verify(Request $request): bool
    {
        return $this->verifyPresenceHeader($request) || $this->verifyStandardWebhooks($request);
    }

    /** `t=<unix>,v1=<hex>[,v1=<hex>…]` over `<t>.<body>`. */
    private function verifyPresenceHeader(Request $request): bool
    {
        $timestamp = '';
        $signatures = [];
        foreach (explode(',', (string) $request->headers->get($this->header)) as $part) {
            [$name, $value] = array_pad(explode('=', trim($part), 2), 2, '');
            if ($name === 't') {
                $timestamp = $value;
            } elseif ($name === 'v1') {
                $signatures[] = strtolower($value);
            }
        }
        $sign = fn (string $secret): string => hash_hmac($this->algo, "{$timestamp}.{$request->getContent()}", $secret);

        return $this->isRecent($timestamp) && $this->matchesAny($signatures, $sign);
    }

    /** `v1,<base64>[ v1,<base64>…]` over `<id>.<timestamp>.<body>`, always SHA-256. */
    private function verifyStandardWebhooks(Request $request): bool
    {
        $id = (string) $request->headers->get('webhook-id');
        $timestamp = (string) $request->headers->get('webhook-timestamp');
        $signatures = [];
        foreach (explode(' ', (string) $request->headers->get('webhook-signature')) as $entry) {
            if (str_starts_with($entry, 'v1,')) {
                $signatures[] = substr($entry, 3);
            }
        }
        $signed = "{$id}.{$timestamp}.{$request->getContent()}";
        $sign = fn (string $secret): string
            => base64_encode(hash_hmac('sha256', $signed, self::decodeSecret($secret), true));

        return $id !== '' && $this->isRecent($timestamp) && $this->matchesAny($signatures, $sign);
    }

    /** A secret `whsec_<base64>` is decoded, with or without padding; any other secret is the key itself. */
    private static function decodeSecret(string $secret): string
    {
        $isEncoded = str_starts_with($secret, 'whsec_');
        $key = $isEncoded ? base64_decode(strtr(substr($secret, 6), '-_', '+/'), true) : false;

        return $key === false ? $secret : $key;
    }

    private function isRecent(string $timestamp): bool
    {
        return ctype_digit($timestamp)
            && abs(Carbon::now()->getTimestamp() - (int) $timestamp) <= $this->toleranceSeconds;
    }

    /** @param callable(string): string $sign */
    private function matchesAny(array $signatures, callable $sign): bool
    {
        foreach ($this->secrets as $secret) {
            $expected = $sign($secret);
            foreach ($signatures as $signature) {
                if (hash_equals($expected, $signature)) {
                    return true;
                }
            }
        }

        return false;
    }
}

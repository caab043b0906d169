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

    /** Begins a secret in the form of Standard Webhooks. */
    private const ENCODED_PREFIX = 'whsec_';

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
        $sign = function (string $secret) use ($signed): ?string {
            $key = self::standardKey($secret);

            return $key === null ? null : base64_encode(hash_hmac('sha256', $signed, $key, true));
        };

        return $id !== '' && $this->isRecent($timestamp) && $this->matchesAny($signatures, $sign);
    }

    /**
     * Returns the key of Standard Webhooks: the decoded bytes of `whsec_<base64>`, padded or not, or any other
     * secret itself. Null if the sidecar refuses the secret, because libraries of receivers derive other keys of it.
     */
    public static function standardKey(string $secret): ?string
    {
        if (! str_starts_with($secret, self::ENCODED_PREFIX)) {
            return $secret;
        }
        $encoded = substr($secret, strlen(self::ENCODED_PREFIX));
        $isBase64 = preg_match('~^([A-Za-z0-9+/]+)={0,2}$~D', $encoded, $matches) === 1;
        $key = $isBase64 ? base64_decode($matches[1], true) : false;

        return $key === false || $key === '' ? null : $key;
    }

    private function isRecent(string $timestamp): bool
    {
        return ctype_digit($timestamp)
            && abs(Carbon::now()->getTimestamp() - (int) $timestamp) <= $this->toleranceSeconds;
    }

    /** @param callable(string): ?string $sign */
    private function matchesAny(array $signatures, callable $sign): bool
    {
        foreach ($this->secrets as $secret) {
            $expected = $sign($secret);
            foreach ($signatures as $signature) {
                if ($expected !== null && hash_equals($expected, $signature)) {
                    return true;
                }
            }
        }

        return false;
    }
}

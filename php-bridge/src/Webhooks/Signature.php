<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Webhooks;

use Illuminate\Http\Request;
use Illuminate\Support\Carbon;

/**
 * Whether a webhook comes from the sidecar, and now. Either family of headers proves it: X-Presence-Signature, or that
 * of Standard Webhooks (https://www.standardwebhooks.com). While secrets are changed there are several signatures, and
 * several secrets; one match is enough.
 */
final class Signature
{
    /** The example of the package that this one replaces. Everybody knows it, so it proves nothing. */
    public const EXAMPLE_SECRET = 'test-secret';

    /** @var list<string> */
    private readonly array $secrets;

    /** @param list<string|null> $secrets current and previous ones, as they are written in the configuration */
    public function __construct(
        array $secrets,
        private readonly string $header,
        private readonly string $algo,
        private readonly int $toleranceSeconds
    ) {
        $usable = fn (?string $secret): bool => ! in_array($secret, [null, '', self::EXAMPLE_SECRET], true);
        $this->secrets = array_values(array_filter($secrets, $usable));
    }

    public function proves(Request $request): bool
    {
        return $this->provesByPresence($request) || $this->provesByStandard($request);
    }

    /** `t=<unix>,v1=<hex>[,v1=<hex>…]` over `<t>.<body>`. */
    private function provesByPresence(Request $request): bool
    {
        $time = '';
        $signatures = [];
        foreach (explode(',', (string) $request->headers->get($this->header)) as $part) {
            [$name, $value] = array_pad(explode('=', trim($part), 2), 2, '');
            if ($name === 't') {
                $time = $value;
            } elseif ($name === 'v1') {
                $signatures[] = strtolower($value);
            }
        }
        $sign = fn (string $secret): string => hash_hmac($this->algo, "{$time}.{$request->getContent()}", $secret);

        return $this->isNow($time) && $this->oneMatches($signatures, $sign);
    }

    /** `v1,<base64>[ v1,<base64>…]` over `<id>.<timestamp>.<body>`, always SHA-256. */
    private function provesByStandard(Request $request): bool
    {
        $id = (string) $request->headers->get('webhook-id');
        $time = (string) $request->headers->get('webhook-timestamp');
        $signatures = [];
        foreach (explode(' ', (string) $request->headers->get('webhook-signature')) as $entry) {
            if (str_starts_with($entry, 'v1,')) {
                $signatures[] = substr($entry, 3);
            }
        }
        $signed = "{$id}.{$time}.{$request->getContent()}";
        $sign = fn (string $secret): string
            => base64_encode(hash_hmac('sha256', $signed, self::standardKey($secret), true));

        return $id !== '' && $this->isNow($time) && $this->oneMatches($signatures, $sign);
    }

    /** A secret of the form `whsec_<base64>` is the key encoded; any other is the key. */
    private static function standardKey(string $secret): string
    {
        $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : false;

        return $key === false ? $secret : $key;
    }

    private function isNow(string $time): bool
    {
        return ctype_digit($time) && abs(Carbon::now()->getTimestamp() - (int) $time) <= $this->toleranceSeconds;
    }

    /** @param callable(string): string $sign */
    private function oneMatches(array $signatures, callable $sign): bool
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

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use LogicException;

/** Mints the short-lived tokens with which pages talk to the sidecar: JWTs, signed with HS256 (RFC 7515, RFC 7519). */
final class UserTokens
{
    public function __construct(
        private readonly string $secret,
        public readonly int $ttlSeconds,
        private readonly BrowserSession $browser
    ) {
    }

    /**
     * A token for a user in the current scope.
     *
     * @param string|null $session the tab or device; null is the browser of this request
     * @param list<int|string> $watch the ids of the users whom the page may follow in the sidecar's stream
     */
    public function mint(Authenticatable $user, ?string $session = null, array $watch = []): string
    {
        if ($this->secret === '') {
            throw new LogicException('There is nothing to sign with: set PRESENCE_TOKEN.');
        }
        $claims = array_filter([
            'sub' => Key::id($user),
            'exp' => Carbon::now()->getTimestamp() + $this->ttlSeconds,
            'sid' => $session ?? $this->browser->begin(),
            'scope' => Scope::complete(),
            'watch' => array_values($watch) ?: null,
        ], fn (mixed $claim): bool => $claim !== null);
        $signed = self::encode(['alg' => 'HS256', 'typ' => 'JWT']) . '.' . self::encode($claims);

        return $signed . '.' . self::base64(hash_hmac('sha256', $signed, $this->secret, true));
    }

    private static function encode(array $part): string
    {
        return self::base64(json_encode($part, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES));
    }

    private static function base64(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}

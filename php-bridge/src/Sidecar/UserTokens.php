<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Support\Key;
use AesirCloud\Presence\Support\Scope;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Support\Carbon;
use LogicException;

/** Mints the short-lived tokens with which pages call the sidecar: JWTs signed with HS256 (RFC 7515, RFC 7519). */
final class UserTokens
{
    public function __construct(
        private readonly string $secret,
        public readonly int $ttlSeconds,
        private readonly BrowserSession $browser
    ) {
    }

    /**
     * Returns a token for a user in the current scope.
     *
     * @param string|null $session id of the tab or device; null means the browser session of this request
     * @param list<int|string>|array{scope: true} $watch ids of the users that the page may follow in the sidecar's
     *     stream, or ['scope' => true] for all users of the user's own scope
     */
    public function mint(Authenticatable $user, ?string $session = null, array $watch = []): string
    {
        if ($this->secret === '') {
            throw new LogicException('User tokens need a secret: set PRESENCE_TOKEN or PRESENCE_USER_TOKEN_SECRET.');
        }
        $now = Carbon::now()->getTimestamp();
        $watched = ($watch['scope'] ?? null) === true ? ['scope' => true] : array_values($watch);
        $claims = array_filter([
            'sub' => Key::id($user),
            'iat' => $now,
            'exp' => $now + $this->ttlSeconds,
            'sid' => $session ?? $this->browser->ensureId(),
            'scope' => Scope::complete(),
            'watch' => $watched ?: null,
        ], fn (mixed $claim): bool => $claim !== null);
        $signingInput = self::encodeJson(['alg' => 'HS256', 'typ' => 'JWT']) . '.' . self::encodeJson($claims);

        return $signingInput . '.' . self::encodeBase64Url(hash_hmac('sha256', $signingInput, $this->secret, true));
    }

    private static function encodeJson(array $part): string
    {
        return self::encodeBase64Url(json_encode($part, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES));
    }

    private static function encodeBase64Url(string $bytes): string
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}

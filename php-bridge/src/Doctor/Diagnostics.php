<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Sidecar\UserTokens;
use AesirCloud\Presence\Webhooks\Signature;
use Closure;
use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Config\Repository;

/** Checks that app and sidecar agree. All calls to the sidecar are reads: they cause no transition and no webhook. */
final class Diagnostics
{
    /** Tolerated clock difference in seconds, including the time of the call. */
    private const MAX_SKEW_SECONDS = 2;

    public function __construct(
        private readonly Repository $config,
        private readonly Client $client,
        private readonly Probe $probe,
        private readonly RedisInspector $redis,
        private readonly UserTokens $tokens
    ) {
    }

    /** @return iterable<Finding> */
    public function run(): iterable
    {
        yield $this->checkResolver();
        yield $this->checkWebhookSecret();
        try {
            yield $this->checkConnection();
            yield $this->checkUserTokens();
            $skew = $this->measureClockSkew();
            yield $skew === null ? $this->explainMissingRecord() : $this->recordsReadable();
            if ($skew !== null) {
                yield $this->checkClock($skew);
                yield from $this->checkTimeouts();
            }
        } catch (SidecarException $exception) {
            yield $this->connectionFailed($exception);
        }
    }

    private function checkResolver(): Finding
    {
        $isClosure = $this->config->get('presence.scope.resolver') instanceof Closure;

        return Finding::ok('resolver', $isClosure ? 'a closure; config:cache cannot store it' : 'cacheable');
    }

    private function checkWebhookSecret(): Finding
    {
        $secret = (string) $this->config->get('presence.webhook.secret');
        if (! $this->config->get('presence.webhook.receiver.path')) {
            return Finding::ok('webhooks', 'receiver is off');
        }
        if (in_array($secret, ['', Signature::EXAMPLE_SECRET], true)) {
            $message = $secret === '' ? 'no secret' : 'the secret is the published example';
            $fix = 'set the same PRESENCE_WEBHOOK_SECRET for app and sidecar; until then all webhooks are rejected';

            return Finding::mismatch('webhooks', $message, $fix);
        }

        return Finding::ok('webhooks', 'receiver is on, secret is set');
    }

    private function checkConnection(): Finding
    {
        $this->client->get('/api/v1/presence/counts', Probe::SCOPE);

        return Finding::ok('sidecar', "{$this->client->endpoint->describe()} is reachable and accepts the token");
    }

    private function connectionFailed(SidecarException $exception): Finding
    {
        return Finding::mismatch('sidecar', $exception->getMessage(), match ($exception->status) {
            null => 'start the sidecar, or correct PRESENCE_SIDECAR_URL or PRESENCE_SIDECAR_SOCKET',
            401, 403 => 'set the same PRESENCE_TOKEN for app and sidecar',
            503 => 'the sidecar cannot reach its store: check its log',
            default => 'check that a presence-sidecar listens at this address',
        });
    }

    private function checkUserTokens(): Finding
    {
        $token = $this->tokens->mint(new GenericUser(['id' => 'probe']));
        try {
            $this->client->get('/api/v1/presence/status/probe', [], ['Authorization' => "Bearer {$token}"]);
        } catch (SidecarException $exception) {
            if ($exception->status !== 401) {
                throw $exception;
            }

            return Finding::mismatch(
                'user tokens',
                'the sidecar rejects them: a different secret, or a large clock difference',
                'set the same PRESENCE_USER_TOKEN_SECRET for app and sidecar, or for neither'
            );
        }

        return Finding::ok('user tokens', 'accepted');
    }

    /** Returns the age in seconds that the sidecar reports for a new record; null if it does not find the record. */
    private function measureClockSkew(): ?int
    {
        $presence = $this->probe->fetchPresence(0);

        return ($presence['meta'] ?? null) === Probe::META ? $presence['seconds_ago'] : null;
    }

    private function recordsReadable(): Finding
    {
        $prefix = $this->redis->prefix();

        return Finding::ok('records', 'readable' . ($prefix === null ? '' : ", prefix \"{$prefix}\""));
    }

    /** Explains why the sidecar did not find a record that the app wrote. */
    private function explainMissingRecord(): Finding
    {
        $appPrefix = $this->redis->prefix();
        if ($appPrefix === null) {
            $fix = 'set PRESENCE_CACHE_STORE=redis, or database, for app and sidecar';

            return Finding::mismatch('store', 'the sidecar does not read the app\'s cache store', $fix);
        }
        if ($this->redis->usesCustomEncoding()) {
            $fix = 'remove serializer and compression from the options of the cache\'s Redis connection';

            return Finding::mismatch('serializer', 'phpredis encodes the records; the sidecar cannot read them', $fix);
        }
        $sidecarPrefixes = $this->redis->sidecarPrefixes();
        $isShared = in_array($appPrefix, $sidecarPrefixes, true)
            || in_array(rtrim($appPrefix, ':'), $sidecarPrefixes, true);
        $generate = 'generate the sidecar\'s configuration with `php artisan presence:sidecar`';

        return match (true) {
            $sidecarPrefixes === [] => Finding::mismatch(
                'store',
                'the sidecar uses a different Redis, or none',
                $generate
            ),
            $isShared => Finding::mismatch(
                'database',
                'the sidecar reads records from a different database of the same Redis',
                "{$generate}, or set REDIS_CACHE_DB"
            ),
            default => Finding::mismatch(
                'prefixes',
                "the sidecar's is \"" . implode('", "', $sidecarPrefixes) . "\", the app's is \"{$appPrefix}\"",
                "{$generate}, or set REDIS_PREFIX and CACHE_PREFIX"
            ),
        };
    }

    private function checkClock(int $skew): Finding
    {
        return $skew > self::MAX_SKEW_SECONDS
            ? Finding::mismatch('clock', "differs by {$skew} s", 'run a time service on both hosts')
            : Finding::ok('clock', 'in sync');
    }

    /** @return iterable<Finding> */
    private function checkTimeouts(): iterable
    {
        $timeouts = [
            ['away_after_seconds', 'PRESENCE_AWAY_AFTER', 'online', 'away'],
            ['ttl_seconds', 'PRESENCE_TTL', 'away', 'offline'],
        ];
        foreach ($timeouts as [$key, $variable, $before, $after]) {
            $seconds = (int) $this->config->get("presence.cache.{$key}");
            $statuses = [
                $this->probe->fetchPresence(max(0, $seconds - self::MAX_SKEW_SECONDS - 1))['status'],
                $this->probe->fetchPresence($seconds + self::MAX_SKEW_SECONDS + 1)['status'],
            ];
            $message = "{$seconds} in the app; the sidecar uses a different value";
            yield $statuses === [$before, $after]
                ? Finding::ok($key, (string) $seconds)
                : Finding::mismatch($key, $message, "set the same {$variable} for app and sidecar");
        }
    }
}

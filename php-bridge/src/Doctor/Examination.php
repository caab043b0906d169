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

/**
 * Proves that app and sidecar see the same. The sidecar only reads: no transition is recorded, nobody is told.
 */
final class Examination
{
    /** Seconds that the two clocks may differ, with time for the call. */
    private const SKEW = 2;

    public function __construct(
        private readonly Repository $config,
        private readonly Client $client,
        private readonly Probe $probe,
        private readonly RedisSearch $redis,
        private readonly UserTokens $tokens
    ) {
    }

    /** @return iterable<Finding> */
    public function findings(): iterable
    {
        yield $this->resolver();
        yield $this->webhookSecret();
        try {
            yield $this->answers();
            yield $this->userTokens();
            $age = $this->clockDifference();
            yield $age === null ? $this->missed() : $this->records();
            if ($age !== null) {
                yield $this->clock($age);
                yield from $this->windows();
            }
        } catch (SidecarException $failure) {
            yield $this->failure($failure);
        }
    }

    private function resolver(): Finding
    {
        $isClosure = $this->config->get('presence.scope.resolver') instanceof Closure;

        return Finding::fine('resolver', $isClosure ? 'a closure, which config:cache cannot store' : 'can be cached');
    }

    private function webhookSecret(): Finding
    {
        $secret = (string) $this->config->get('presence.webhook.secret');
        if (! $this->config->get('presence.webhook.receiver.path')) {
            return Finding::fine('webhooks', 'not received');
        }
        if (in_array($secret, ['', Signature::EXAMPLE_SECRET], true)) {
            $what = $secret === '' ? 'no secret' : 'the secret is the example everybody knows';
            $fix = 'set PRESENCE_WEBHOOK_SECRET for both; until then none is believed';

            return Finding::different('webhooks', $what, $fix);
        }

        return Finding::fine('webhooks', 'received, with a secret');
    }

    private function answers(): Finding
    {
        $this->client->get('/api/v1/presence/counts', Probe::SCOPE);

        return Finding::fine('sidecar', "{$this->client->endpoint->describe()} answers and takes the token");
    }

    private function failure(SidecarException $failure): Finding
    {
        return Finding::different('sidecar', $failure->getMessage(), match ($failure->status) {
            null => 'start it, or correct PRESENCE_SIDECAR_URL or PRESENCE_SIDECAR_SOCKET',
            401, 403 => 'give app and sidecar the same PRESENCE_TOKEN',
            503 => 'the sidecar does not reach its store: see its log',
            default => 'is it a presence-sidecar that listens there?',
        });
    }

    private function userTokens(): Finding
    {
        $token = $this->tokens->mint(new GenericUser(['id' => 'probe']));
        try {
            $this->client->get('/api/v1/presence/status/probe', [], ['Authorization' => "Bearer {$token}"]);
        } catch (SidecarException $failure) {
            if ($failure->status !== 401) {
                throw $failure;
            }

            return Finding::different(
                'user tokens',
                'the sidecar does not believe them: another secret, or a clock that is far off',
                'give app and sidecar the same PRESENCE_USER_TOKEN_SECRET, or neither one'
            );
        }

        return Finding::fine('user tokens', 'believed');
    }

    /** Seconds between a record's time and the sidecar's; null if it does not find the record. */
    private function clockDifference(): ?int
    {
        $answer = $this->probe->ask(0);

        return ($answer['meta'] ?? null) === Probe::META ? $answer['seconds_ago'] : null;
    }

    private function records(): Finding
    {
        $where = $this->redis->prefix();

        return Finding::fine('records', 'found and read' . ($where === null ? '' : ", under \"{$where}\""));
    }

    /** Why the sidecar did not find a record. */
    private function missed(): Finding
    {
        $ours = $this->redis->prefix();
        if ($ours === null) {
            $fix = 'set PRESENCE_CACHE_STORE=redis, or database, for both';

            return Finding::different('store', 'the app\'s cache is none that the sidecar looks into', $fix);
        }
        if ($this->redis->hasOwnFormat()) {
            $fix = 'remove serializer and compression from the options of the cache\'s Redis connection';

            return Finding::different('serializer', 'phpredis packs the records, so that nobody else reads them', $fix);
        }
        $theirs = $this->redis->prefixesOfSidecars();
        $isKnown = in_array($ours, $theirs, true) || in_array(rtrim($ours, ':'), $theirs, true);
        $write = 'let `php artisan presence:sidecar` write the sidecar\'s configuration';

        return match (true) {
            $theirs === [] => Finding::different('store', 'the sidecar uses another Redis, or none', $write),
            $isKnown => Finding::different(
                'database',
                'the sidecar looks for records in another one of the same Redis',
                "{$write}, or set REDIS_CACHE_DB"
            ),
            default => Finding::different(
                'prefixes',
                "the sidecar's keys begin with \"" . implode('", "', $theirs) . "\", the app's with \"{$ours}\"",
                "{$write}, or set REDIS_PREFIX and CACHE_PREFIX"
            ),
        };
    }

    private function clock(int $difference): Finding
    {
        return $difference > self::SKEW
            ? Finding::different('clock', "{$difference} s apart", 'run a time service on both hosts')
            : Finding::fine('clock', 'the same');
    }

    /** @return iterable<Finding> */
    private function windows(): iterable
    {
        $windows = [
            ['away_after_seconds', 'PRESENCE_AWAY_AFTER', 'online', 'away'],
            ['ttl_seconds', 'PRESENCE_TTL', 'away', 'offline'],
        ];
        foreach ($windows as [$key, $variable, $before, $behind]) {
            $seconds = (int) $this->config->get("presence.cache.{$key}");
            $answers = [
                $this->probe->ask(max(0, $seconds - self::SKEW - 1))['status'],
                $this->probe->ask($seconds + self::SKEW + 1)['status'],
            ];
            $what = "{$seconds} in the app; the sidecar has another";
            yield $answers === [$before, $behind]
                ? Finding::fine($key, (string) $seconds)
                : Finding::different($key, $what, "set {$variable} for both");
        }
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use AesirCloud\Presence\Support\CacheStore;
use Closure;
use Illuminate\Contracts\Config\Repository;
use Throwable;

/** What the sidecar has to agree with, as this app uses it. No fact contains a secret. */
final class AppFacts
{
    public function __construct(
        private readonly Repository $config,
        private readonly AppStores $stores,
        private readonly SidecarConfig $sidecar,
        private readonly CacheStore $cache
    ) {
    }

    /** @return array<string, string> facts by subject */
    public function all(): array
    {
        $seconds = fn (string $key): int => (int) $this->config->get("presence.cache.{$key}");

        return [
            'store' => "{$this->stores->storeName()}, {$this->describeStore()}",
            'times' => "away after {$seconds('away_after_seconds')} s, offline after {$seconds('ttl_seconds')} s",
            'webhooks' => $this->describeWebhooks(),
            'messages' => $this->describeMessages(),
            'resolver' => $this->describeResolver(),
        ];
    }

    private function describeStore(): string
    {
        return match ($this->stores->storeDriver()) {
            'redis' => $this->describeRedis(),
            'database' => $this->describeDatabase(),
            'array' => 'in the memory of each process',
            default => "driver \"{$this->stores->storeDriver()}\", which a sidecar cannot share",
        };
    }

    private function describeRedis(): string
    {
        $redis = $this->stores->redis();

        return "{$this->stores->appRedis()->describe()}, database {$redis['cache_db']}, "
            . "keys \"{$redis['prefix']}{$this->prefix()}presence|…\"";
    }

    private function describeDatabase(): string
    {
        $database = $this->stores->database();
        $server = $database['socket'] ?? ($database['host'] ?? '') . ':' . ($database['port'] ?? 'default port');
        $place = $database['connection'] === 'sqlite' ? '' : " on {$server}";
        $name = $database['database'] ?? '';

        return "{$database['connection']} {$name}{$place}, table {$database['cache_table']}, "
            . "keys \"{$this->prefix()}presence|…\"";
    }

    /** Returns the prefix of the cache store; in Redis it includes the separator of the Laravel version. */
    private function prefix(): string
    {
        try {
            $store = $this->cache->repository()->getStore();
        } catch (Throwable) {
            return '';
        }

        return method_exists($store, 'getPrefix') ? (string) $store->getPrefix() : '';
    }

    private function describeWebhooks(): string
    {
        $url = $this->sidecar->webhookUrl();
        $isOwn = ! $this->config->get('presence.webhook.receiver.path');

        return match (true) {
            $url === null => 'receiver is off',
            $isOwn => "posted to {$url}, the app's own receiver",
            (bool) $this->config->get('presence.webhook.url') => "posted to {$url} (PRESENCE_WEBHOOK_URL)",
            default => "posted to {$url} (APP_URL and PRESENCE_SIDECAR_WEBHOOK_PATH)",
        };
    }

    private function describeMessages(): string
    {
        return $this->sidecar->hasMessages()
            ? 'on, in the app\'s database'
            : 'off, no tables are created (ADMIN_TOKEN and OPERATOR_TOKENS are unset)';
    }

    private function describeResolver(): string
    {
        $resolver = $this->config->get('presence.scope.resolver');

        return match (true) {
            $resolver === null => 'none',
            $resolver instanceof Closure => 'a closure; config:cache cannot store it',
            default => 'cacheable',
        };
    }
}

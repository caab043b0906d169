<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Carbon;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Event;

/** The artisan commands. */
final class CommandsTest extends TestCase
{
    protected function tearDown(): void
    {
        Carbon::setTestNow();
        parent::tearDown();
    }

    // presence:sidecar

    public function test_written_configuration_starts_sidecar_that_agrees_with_app(): void
    {
        $port = Process::freePort();
        $this->reconfigure([
            'presence.sidecar.url' => "http://127.0.0.1:{$port}",
            'presence.sidecar.token' => 'first-token-0123456789, second-token-0123456789',
            'presence.sidecar.public_url' => 'https://sidecar.test',
            'presence.webhook.receiver.path' => 'hooks/sidecar',
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
            'presence.webhook.headers' => ['X-Team' => 'blue "one"'],
            'presence.routing.throttle' => null,
            'presence.cache.ttl_seconds' => '60',
            'presence.cache.away_after_seconds' => '45',
            'database.redis.options.prefix' => 'Odd "prefix" \\ ',
            'database.redis.cache.database' => '3',
            'app.timezone' => 'Europe/Paris',
        ]);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        self::assertSame('0600', substr(sprintf('%o', fileperms($path)), -4));
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('url = "http://127.0.0.1:8000/hooks/sidecar"', $written);

        $folder = Process::folder();
        $environment = ['PRESENCE_STORAGE' => $folder];
        $sidecar = new Process([Sidecar::binary(), 'serve', '--config', $path], $folder, $environment);
        $sidecar->await(fn (): bool => Process::isListening($port));
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('ttl_seconds: 60', $output);

        Presence::heartbeat($this->user(), ['a' => 1]);
        self::assertSame(['a' => 1], $this->cacheRecord()['meta']);
        self::assertSame(Carbon::now('Europe/Paris')->format('P'), substr($this->cacheRecord()['last_seen_at'], -6));
        self::assertStringNotContainsString('warning', $sidecar->output());
    }

    public function test_written_configuration_contains_database_of_cache_store(): void
    {
        $this->reconfigure([
            'presence.cache.store' => 'database',
            'presence.sidecar.token' => 'first-token-0123456789',
            'cache.stores.database' => ['driver' => 'database', 'table' => 'kept', 'connection' => 'shop'],
            'database.connections.shop' => [
                'url' => 'mysql://ada:hush@db.test:3307/shop', 'prefix' => 'x_', 'timezone' => '+00:00',
                'options' => [1009 => '/etc/ca.pem'],
            ],
        ]);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        $command = escapeshellarg(Sidecar::binary()) . ' config --config ' . escapeshellarg($path) . ' 2>&1';
        exec($command, $lines, $status);
        $printed = preg_replace('/ +#.*/', '', implode("\n", $lines));
        self::assertSame(0, $status, $printed);
        foreach (
            [
                'cache.store = "database"', 'database.connection = "mysql"', 'database.host = "db.test"',
                'database.port = 3307', 'database.database = "shop"', 'database.username = "ada"',
                'database.ssl_ca = "/etc/ca.pem"', 'database.timezone = "+00:00"',
                'database.cache_table = "x_kept"', 'laravel.cache_prefix = "demo_cache"',
            ] as $line
        ) {
            self::assertStringContainsString($line, $printed);
        }
        self::assertStringNotContainsString('hush', $printed);
    }

    public function test_sidecar_command_rejects_unshareable_cache_store(): void
    {
        $this->reconfigure(['presence.cache.store' => 'file']);
        [$status, $output] = $this->runCommand('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString('The cache store "file" cannot be shared', $output);
        self::assertFileDoesNotExist($path);
    }

    // presence:doctor

    public function test_doctor_reports_no_problem_and_removes_its_records(): void
    {
        $before = self::redis()->client(1)->keys('*probe*');
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringNotContainsString('FIX', $output);
        self::assertStringContainsString('ok   records: readable, prefix "demo_database_demo_cache:"', $output);
        self::assertSame($before, self::redis()->client(1)->keys('*probe*'));
        self::assertSame(0, Presence::counts(['guard' => 'presence-doctor'])['present']);
    }

    public function misconfigurations(): array
    {
        return [
            'no sidecar' => ['sidecar.url', null, 'No sidecar is configured', 'PRESENCE_SIDECAR_URL'],
            'unreachable' => ['sidecar.url', 'http://127.0.0.1:1', 'FIX  sidecar: ', 'PRESENCE_SIDECAR_URL'],
            'token' => ['sidecar.token', 'wrong', 'FIX  sidecar: ', 'PRESENCE_TOKEN'],
            'user tokens' => [
                'sidecar.user_tokens.secret', 'wrong', 'FIX  user tokens: ', 'PRESENCE_USER_TOKEN_SECRET',
            ],
            'Redis prefix' => [
                '/database.redis.options.prefix', 'x_', 'FIX  prefixes: ', 'the app\'s is "x_demo_cache:"',
            ],
            'cache prefix' => ['/cache.prefix', 'other', 'FIX  prefixes: ', 'CACHE_PREFIX'],
            'database' => ['/database.redis.cache.database', 5, 'FIX  database: ', 'REDIS_CACHE_DB'],
            'no Redis' => ['cache.store', 'file', 'FIX  store: ', 'PRESENCE_CACHE_STORE=redis'],
            'TTL' => ['cache.ttl_seconds', 300, 'FIX  ttl_seconds: 300 in the app', 'PRESENCE_TTL'],
            'away' => ['cache.away_after_seconds', 30, 'FIX  away_after_seconds: 30', 'PRESENCE_AWAY_AFTER'],
            'no webhook secret' => ['webhook.secret', null, 'FIX  webhooks: no secret', 'PRESENCE_WEBHOOK_SECRET'],
            'example webhook secret' => [
                'webhook.secret', 'test-secret', 'FIX  webhooks: the secret is the published example',
                'PRESENCE_WEBHOOK_SECRET',
            ],
        ];
    }

    /** @dataProvider misconfigurations */
    public function test_doctor_reports_each_mismatch_with_fix(
        string $key,
        mixed $value,
        string $finding,
        string $fix
    ): void {
        Presence::online($this->user()); // Makes the sidecar write keys to Redis.
        $key = $key[0] === '/' ? substr($key, 1) : "presence.{$key}";
        $this->reconfigure([$key => $value, 'presence.webhook.receiver.path' => 'hooks'] + [
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
        ]);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(1, $status, $output);
        self::assertStringContainsString($finding, $output);
        self::assertStringContainsString($fix, $output);
    }

    public function test_doctor_detects_clock_skew(): void
    {
        Carbon::setTestNow(Carbon::now()->addSeconds(20));
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(1, $status);
        self::assertMatchesRegularExpression('/FIX  clock: differs by (19|20|21) s/', $output);
    }

    public function test_doctor_detects_phpredis_serializer(): void
    {
        $this->reconfigure(['database.redis.options.serializer' => \Redis::SERIALIZER_IGBINARY]);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(1, $status);
        self::assertStringContainsString('FIX  serializer: ', $output);
    }

    public function test_doctor_detects_sidecar_on_different_redis(): void
    {
        $other = new Sidecar(new RedisServer());
        self::redis()->client(0)->flushDB();
        $this->reconfigure(['presence.sidecar.url' => $other->url]);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(1, $status);
        self::assertStringContainsString('FIX  store: the sidecar uses a different Redis, or none', $output);
    }

    // presence:catch-up

    public function test_catch_up_dispatches_missed_events_in_order_once(): void
    {
        Presence::online($this->user(), ['n' => 1]);
        Presence::heartbeat($this->user(), ['n' => 2], null, false);
        Presence::offline($this->user());
        Cache::forget('presence:cursor');
        $this->reconfigure(['presence.webhook.receiver.path' => 'hooks']);
        $dispatched = [];
        $listener = function (object $event) use (&$dispatched): void {
            if ($event->userId === $this->id) {
                $dispatched[] = class_basename($event) . ' ' . json_encode($event->payload['meta']);
            }
        };
        Event::listen([UserCameOnline::class, UserWentAway::class, UserWentOffline::class], $listener);
        [$status, $output] = $this->runCommand('presence:catch-up');
        self::assertSame(0, $status, $output);
        self::assertSame(['UserCameOnline {"n":1}', 'UserWentAway {"n":2}', 'UserWentOffline []'], $dispatched);

        $none = [0, "Missed events dispatched: 0.\n"];
        self::assertSame($none, $this->runCommand('presence:catch-up'));
        self::assertSame($none, $this->runCommand('presence:catch-up', ['--after' => '0-0']));
        Presence::online($this->user());
        self::assertSame([0, "Missed events dispatched: 1.\n"], $this->runCommand('presence:catch-up'));
    }

    public function test_catch_up_skips_changes_delivered_by_webhook(): void
    {
        $this->runCommand('presence:catch-up');
        Presence::online($this->user());
        $cursor = Cache::get('presence:cursor');
        [$change] = $this->app->make(Client::class)->get('/api/v1/presence/changes', ['after' => $cursor])['data'];
        $this->reconfigure([
            'presence.webhook.receiver.path' => 'hooks',
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
        ]);
        $body = (string) json_encode($change);
        $time = time();
        $signature = hash_hmac('sha256', "{$time}.{$body}", self::WEBHOOK_SECRET);
        $headers = $this->transformHeadersToServerVars(['X-Presence-Signature' => "t={$time},v1={$signature}"]);
        $this->call('POST', '/hooks', [], [], [], $headers, $body)->assertNoContent();
        self::assertSame([0, "Missed events dispatched: 0.\n"], $this->runCommand('presence:catch-up'));
    }

    public function test_catch_up_warns_if_cursor_has_expired_and_dispatches_the_rest(): void
    {
        $sidecar = new Sidecar($redis = new RedisServer());
        $this->reconfigure(['presence.sidecar.url' => $sidecar->url]);
        Presence::online($this->user());
        Presence::offline($this->user());
        Presence::online($this->user());
        $log = $this->app->make(Client::class)->get('/api/v1/presence/changes')['data'];
        [$first, $second] = array_column($log, 'cursor');
        $redis->client()->xTrim('demo_database_demo_cache:{presence}:changes', 1);
        $redis->client()->set('demo_database_demo_cache:{presence}:trimmed', $second); // As the sidecar records it.

        [$status, $output] = $this->runCommand('presence:catch-up', ['--after' => $first]);
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('The cursor has expired', $output);
        self::assertStringContainsString('Missed events dispatched: 1.', $output);
    }

    public function test_catch_up_fails_if_sidecar_is_unreachable(): void
    {
        $this->reconfigure(['presence.sidecar.url' => 'http://127.0.0.1:1']);
        [$status, $output] = $this->runCommand('presence:catch-up');
        self::assertSame(1, $status);
        self::assertStringContainsString('does not answer', $output);
    }
}

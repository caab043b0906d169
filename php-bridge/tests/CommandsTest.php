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

    public function test_the_written_configuration_starts_a_sidecar_that_sees_the_same(): void
    {
        $port = Process::port();
        $this->configured([
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
        [$status, $output] = $this->command('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        self::assertSame('0600', substr(sprintf('%o', fileperms($path)), -4));
        $written = (string) file_get_contents($path);
        self::assertStringContainsString('url = "http://127.0.0.1:8000/hooks/sidecar"', $written);

        $folder = Process::folder();
        $environment = ['PRESENCE_STORAGE' => $folder];
        $sidecar = new Process([Sidecar::binary(), 'serve', '--config', $path], $folder, $environment);
        $sidecar->await(fn (): bool => Process::listens($port));
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('ttl_seconds: 60', $output);

        Presence::heartbeat($this->user(), ['a' => 1]);
        self::assertSame(['a' => 1], $this->record()['meta']);
        self::assertSame(Carbon::now('Europe/Paris')->format('P'), substr($this->record()['last_seen_at'], -6));
        self::assertStringNotContainsString('warning', $sidecar->output());
    }

    public function test_a_cache_in_the_database_is_written_with_its_database(): void
    {
        $this->configured([
            'presence.cache.store' => 'database',
            'presence.sidecar.token' => 'first-token-0123456789',
            'cache.stores.database' => ['driver' => 'database', 'table' => 'kept', 'connection' => 'shop'],
            'database.connections.shop' => ['url' => 'mysql://ada:hush@db.test:3307/shop', 'prefix' => 'x_'],
        ]);
        [$status, $output] = $this->command('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(0, $status, $output);
        $command = escapeshellarg(Sidecar::binary()) . ' config --config ' . escapeshellarg($path) . ' 2>&1';
        exec($command, $lines, $status);
        $printed = preg_replace('/ +#.*/', '', implode("\n", $lines));
        self::assertSame(0, $status, $printed);
        foreach (
            [
                'cache.store = "database"', 'database.connection = "mysql"', 'database.host = "db.test"',
                'database.port = 3307', 'database.database = "shop"', 'database.username = "ada"',
                'database.cache_table = "x_kept"', 'laravel.cache_prefix = "demo_cache"',
            ] as $line
        ) {
            self::assertStringContainsString($line, $printed);
        }
        self::assertStringNotContainsString('hush', $printed);
    }

    public function test_a_cache_that_cannot_be_shared_is_named(): void
    {
        $this->configured(['presence.cache.store' => 'file']);
        [$status, $output] = $this->command('presence:sidecar', ['--path' => $path = storage_path('sidecar.toml')]);
        self::assertSame(1, $status);
        self::assertStringContainsString('A cache store "file"', $output);
        self::assertFileDoesNotExist($path);
    }

    // presence:doctor

    public function test_the_doctor_finds_nothing_where_all_is_well_and_leaves_nothing_behind(): void
    {
        $before = self::redis()->client(1)->keys('*probe*');
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringNotContainsString('FIX', $output);
        self::assertStringContainsString('ok   records: found and read, under "demo_database_demo_cache:"', $output);
        self::assertSame($before, self::redis()->client(1)->keys('*probe*'));
        self::assertSame(0, Presence::counts(['guard' => 'presence-doctor'])['present']);
    }

    public function differences(): array
    {
        return [
            'no sidecar' => ['sidecar.url', null, 'No sidecar is configured', 'PRESENCE_SIDECAR_URL'],
            'silence' => ['sidecar.url', 'http://127.0.0.1:1', 'FIX  sidecar: ', 'PRESENCE_SIDECAR_URL'],
            'token' => ['sidecar.token', 'another', 'FIX  sidecar: ', 'PRESENCE_TOKEN'],
            'user tokens' => [
                'sidecar.user_tokens.secret', 'another', 'FIX  user tokens: ', 'PRESENCE_USER_TOKEN_SECRET',
            ],
            'Redis prefix' => [
                '/database.redis.options.prefix', 'x_', 'FIX  prefixes: ', 'the app\'s with "x_demo_cache:"',
            ],
            'cache prefix' => ['/cache.prefix', 'other', 'FIX  prefixes: ', 'CACHE_PREFIX'],
            'database' => ['/database.redis.cache.database', 5, 'FIX  database: ', 'REDIS_CACHE_DB'],
            'no Redis' => ['cache.store', 'file', 'FIX  store: ', 'PRESENCE_CACHE_STORE=redis'],
            'TTL' => ['cache.ttl_seconds', 300, 'FIX  ttl_seconds: 300 in the app', 'PRESENCE_TTL'],
            'away' => ['cache.away_after_seconds', 30, 'FIX  away_after_seconds: 30', 'PRESENCE_AWAY_AFTER'],
            'no webhook secret' => ['webhook.secret', null, 'FIX  webhooks: no secret', 'PRESENCE_WEBHOOK_SECRET'],
            'known webhook secret' => [
                'webhook.secret', 'test-secret', 'FIX  webhooks: the secret is the example', 'PRESENCE_WEBHOOK_SECRET',
            ],
        ];
    }

    /** @dataProvider differences */
    public function test_the_doctor_names_each_difference_and_its_fix(
        string $key,
        mixed $value,
        string $difference,
        string $fix
    ): void {
        Presence::online($this->user()); // So that the sidecar has left traces.
        $key = $key[0] === '/' ? substr($key, 1) : "presence.{$key}";
        $this->configured([$key => $value, 'presence.webhook.receiver.path' => 'hooks'] + [
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
        ]);
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(1, $status, $output);
        self::assertStringContainsString($difference, $output);
        self::assertStringContainsString($fix, $output);
    }

    public function test_the_doctor_notices_clocks_that_differ(): void
    {
        Carbon::setTestNow(Carbon::now()->addSeconds(20));
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(1, $status);
        self::assertMatchesRegularExpression('/FIX  clock: (19|20|21) s apart/', $output);
    }

    public function test_the_doctor_notices_values_that_phpredis_packs(): void
    {
        $this->configured(['database.redis.options.serializer' => \Redis::SERIALIZER_IGBINARY]);
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(1, $status);
        self::assertStringContainsString('FIX  serializer: ', $output);
    }

    public function test_the_doctor_notices_a_sidecar_on_another_redis(): void
    {
        $other = new Sidecar(new RedisServer());
        self::redis()->client(0)->flushDB();
        $this->configured(['presence.sidecar.url' => $other->url]);
        [$status, $output] = $this->command('presence:doctor');
        self::assertSame(1, $status);
        self::assertStringContainsString('FIX  store: the sidecar uses another Redis, or none', $output);
    }

    // presence:catch-up

    public function test_what_was_missed_is_dispatched_in_order_and_once(): void
    {
        Presence::online($this->user(), ['n' => 1]);
        Presence::heartbeat($this->user(), ['n' => 2], null, false);
        Presence::offline($this->user());
        Cache::forget('presence:cursor');
        $this->configured(['presence.webhook.receiver.path' => 'hooks']);
        $seen = [];
        $note = function (object $event) use (&$seen): void {
            if ($event->userId === $this->id) {
                $seen[] = class_basename($event) . ' ' . json_encode($event->payload['meta']);
            }
        };
        Event::listen([UserCameOnline::class, UserWentAway::class, UserWentOffline::class], $note);
        [$status, $output] = $this->command('presence:catch-up');
        self::assertSame(0, $status, $output);
        self::assertSame(['UserCameOnline {"n":1}', 'UserWentAway {"n":2}', 'UserWentOffline []'], $seen);

        self::assertSame([0, "0 missed.\n"], $this->command('presence:catch-up'));
        self::assertSame([0, "0 missed.\n"], $this->command('presence:catch-up', ['--after' => '0-0']));
        Presence::online($this->user());
        self::assertSame([0, "1 missed.\n"], $this->command('presence:catch-up'));
    }

    public function test_what_a_webhook_has_told_is_not_caught_up_with(): void
    {
        $this->command('presence:catch-up');
        Presence::online($this->user());
        $cursor = Cache::get('presence:cursor');
        [$told] = $this->app->make(Client::class)->get('/api/v1/presence/changes', ['after' => $cursor])['data'];
        $this->configured([
            'presence.webhook.receiver.path' => 'hooks',
            'presence.webhook.secret' => self::WEBHOOK_SECRET,
        ]);
        $body = (string) json_encode($told);
        $time = time();
        $signature = hash_hmac('sha256', "{$time}.{$body}", self::WEBHOOK_SECRET);
        $headers = $this->transformHeadersToServerVars(['X-Presence-Signature' => "t={$time},v1={$signature}"]);
        $this->call('POST', '/hooks', [], [], [], $headers, $body)->assertNoContent();
        self::assertSame([0, "0 missed.\n"], $this->command('presence:catch-up'));
    }

    public function test_what_the_log_has_lost_is_said_and_the_rest_is_caught_up_with(): void
    {
        $sidecar = new Sidecar($redis = new RedisServer());
        $this->configured(['presence.sidecar.url' => $sidecar->url]);
        Presence::online($this->user());
        Presence::offline($this->user());
        Presence::online($this->user());
        $log = $this->app->make(Client::class)->get('/api/v1/presence/changes')['data'];
        [$first, $second] = array_column($log, 'cursor');
        $redis->client()->xTrim('demo_database_demo_cache:{presence}:changes', 1);
        $redis->client()->set('demo_database_demo_cache:{presence}:trimmed', $second); // As the sidecar notes it.

        [$status, $output] = $this->command('presence:catch-up', ['--after' => $first]);
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('does not reach back', $output);
        self::assertStringContainsString('1 missed', $output);
    }

    public function test_without_a_sidecar_there_is_nothing_to_catch_up_with(): void
    {
        $this->configured(['presence.sidecar.url' => 'http://127.0.0.1:1']);
        [$status, $output] = $this->command('presence:catch-up');
        self::assertSame(1, $status);
        self::assertStringContainsString('does not answer', $output);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\AppDatabase;
use AesirCloud\Presence\Tests\Support\DemoCopy;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Carbon;
use PHPUnit\Framework\Attributes\DataProvider;

/** The command presence:doctor. */
final class DoctorTest extends TestCase
{
    protected function tearDown(): void
    {
        Carbon::setTestNow();
        parent::tearDown();
    }

    public function test_doctor_reports_no_problem_and_removes_its_records(): void
    {
        $before = self::redis()->client(1)->keys('*probe*');
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringNotContainsString('FIX', $output);
        $redis = 'Redis 127.0.0.1:' . self::redis()->port . ', database 1';
        self::assertStringContainsString("store: redis, {$redis}, keys \"" . self::redisKey('presence|…"'), $output);
        self::assertSame($before, self::redis()->client(1)->keys('*probe*'));
        self::assertSame(0, Presence::counts(['guard' => 'presence-doctor'])['present']);
    }

    public static function misconfigurations(): array
    {
        $notFound = 'FIX  records: the sidecar does not find a record that the app wrote';

        return [
            'no sidecar' => ['sidecar.url', null, 'No sidecar is configured', 'PRESENCE_SIDECAR_URL'],
            'unreachable' => ['sidecar.url', 'http://127.0.0.1:1', 'FIX  sidecar: ', 'PRESENCE_SIDECAR_URL'],
            'token' => ['sidecar.token', 'wrong', 'FIX  sidecar: ', 'PRESENCE_TOKEN'],
            'user tokens' => [
                'sidecar.user_tokens.secret', 'wrong', 'FIX  user tokens: ', 'PRESENCE_USER_TOKEN_SECRET',
            ],
            'Redis prefix' => ['/database.redis.options.prefix', 'x_', $notFound, 'keys "x_demo_cache'],
            'cache prefix' => ['/cache.prefix', 'other', $notFound, 'presence:sidecar'],
            'database' => ['/database.redis.cache.database', 5, $notFound, 'database 5'],
            'no Redis' => ['cache.store', 'file', 'FIX  settings: The cache store "file"', 'PRESENCE_CACHE_STORE'],
            'TTL' => ['cache.ttl_seconds', 300, 'FIX  times: after 297 s the sidecar says offline', 'PRESENCE_TTL'],
            'short TTL' => ['cache.ttl_seconds', 60, 'FIX  times: after', 'warn settings: PRESENCE_TTL is 60'],
            'away' => ['cache.away_after_seconds', 30, 'FIX  times: after 33 s the sidecar', 'PRESENCE_AWAY_AFTER'],
            'no webhook secret' => ['webhook.secret', null, 'FIX  webhooks: no secret', 'PRESENCE_WEBHOOK_SECRET'],
            'example webhook secret' => [
                'webhook.secret', 'test-secret', 'FIX  webhooks: the secret is the published example',
                'PRESENCE_WEBHOOK_SECRET',
            ],
            'cache down' => [
                '/database.redis.cache.port', 1, 'FIX  store: the app cannot use its cache: Connection refused',
                'start the server',
            ],
            'no receiver at APP_URL' => [
                '/app.url', 'http://127.0.0.1:1',
                'FIX  webhooks: no receiver accepts a ping at http://127.0.0.1:1/hooks: ',
                'PRESENCE_WEBHOOK_URL',
            ],
        ];
    }

    /** @dataProvider misconfigurations */
    #[DataProvider('misconfigurations')]
    public function test_doctor_reports_each_mismatch_with_fix(
        string $key,
        mixed $value,
        string $finding,
        string $fix
    ): void {
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
        self::assertStringNotContainsString('FIX  times', $output);
        self::assertMatchesRegularExpression('/FIX  clock: differs by (1\d|2[01]) s/', $output);
    }

    public function test_doctor_is_right_before_first_heartbeat(): void
    {
        $redis = new RedisServer();
        $app = [
            'presence.sidecar.url' => (new Sidecar($redis))->url,
            'database.redis.default.port' => $redis->port,
            'database.redis.cache.port' => $redis->port,
        ];
        $this->reconfigure($app);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);

        $this->reconfigure(['cache.prefix' => 'other'] + $app);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(1, $status);
        self::assertStringContainsString('FIX  records: the sidecar does not find', $output);
        self::assertStringNotContainsString('different Redis', $output);
    }

    public function test_doctor_accepts_boundaries_that_are_close_together(): void
    {
        $sidecar = new Sidecar(self::redis(), ['PRESENCE_TTL' => '120', 'PRESENCE_AWAY_AFTER' => '119']);
        $this->reconfigure(['presence.sidecar.url' => $sidecar->url, 'presence.cache.away_after_seconds' => 119]);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
    }

    public function test_doctor_pings_receiver_of_running_app(): void
    {
        $receiver = [
            'PRESENCE_SIDECAR_WEBHOOK_PATH' => 'hooks/sidecar',
            'PRESENCE_WEBHOOK_SECRET' => self::WEBHOOK_SECRET,
        ];
        $app = new Support\AppServer($receiver + ['REDIS_PORT' => (string) self::redis()->port]);
        [$status, $output] = $this->runInProcess('presence:doctor', $receiver + ['APP_URL' => $app->url]);
        self::assertSame(0, $status, $output);
        self::assertStringContainsString("ok   webhooks: the receiver accepts a ping at {$app->url}/hooks", $output);

        $other = ['PRESENCE_WEBHOOK_SECRET' => 'other'] + $receiver + ['APP_URL' => $app->url];
        [$status, $output] = $this->runInProcess('presence:doctor', $other);
        self::assertSame(1, $status);
        self::assertStringContainsString('it responded with 401', $output);
    }

    // The verdict of `presence-sidecar doctor`

    /** @return array<string, array{array<string, string>, string, string}> .env, changed variable, finding */
    public static function stores(): array
    {
        return [
            'Redis' => [['CACHE_STORE' => 'redis'], 'REDIS_PREFIX', 'FIX  redis.prefix'],
            'database' => [['CACHE_STORE' => 'database', 'DB_CONNECTION' => 'sqlite'], 'DB_DATABASE', 'FIX  database'],
        ];
    }

    /** @dataProvider stores */
    #[DataProvider('stores')]
    public function test_doctor_shows_verdict_of_sidecar(array $env, string $variable, string $finding): void
    {
        [$port, $redis, $app] = [Process::freePort(), new RedisServer(), new DemoCopy([])];
        $redis->client()->config('SET', 'appendonly', 'yes');
        $env += [
            'PRESENCE_SIDECAR_URL' => "http://127.0.0.1:{$port}",
            'PRESENCE_SIDECAR_BINARY' => Sidecar::binary(),
            'PRESENCE_TOKEN' => Sidecar::TOKEN,
            'REDIS_PORT' => (string) $redis->port,
            'REDIS_PREFIX' => 'verdict_',
            'DB_DATABASE' => "{$app->folder}/app.sqlite",
        ];
        AppDatabase::migrate($env['DB_DATABASE']);
        $app->writeEnv($env);
        [$status, $output] = $app->run('presence:sidecar');
        self::assertSame(0, $status, $output);
        $command = [Sidecar::binary(), 'serve', '--config', "{$app->folder}/presence-sidecar.toml"];
        $sidecar = new Process($command, Process::folder());
        $sidecar->await(fn (): bool => Process::isListening($port));

        [$status, $output] = $app->run('presence:doctor');
        self::assertSame(0, $status, $output);
        $verdict = 'app  verdict of ' . Sidecar::binary() . ":\nok   configuration: valid";
        self::assertStringContainsString($verdict, $output);

        AppDatabase::migrate("{$app->folder}/other");
        $app->writeEnv([$variable => "{$app->folder}/other"] + $env);
        [$status, $output] = $app->run('presence:doctor');
        self::assertSame(1, $status, $output);
        self::assertStringContainsString($finding, $output);
        self::assertStringNotContainsString('PRESENCE_CACHE_STORE=redis', $output);
        self::assertStringNotContainsString(Sidecar::TOKEN, $output);
    }

    public function test_doctor_says_where_verdict_can_be_had_without_program(): void
    {
        $this->reconfigure(['presence.sidecar.binary' => '/nowhere/presence-sidecar']);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        self::assertStringContainsString('verdict: no presence-sidecar in /nowhere/presence-sidecar; run', $output);
    }
}

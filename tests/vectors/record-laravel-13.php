<?php

/*
 * Records tests/vectors/laravel-13.json with a real Laravel 13: prefixes, keys, values in Redis and in the cache table,
 * Crypt, bcrypt, jobs. It needs Debian testing's php-laravel-framework, php-redis, php-sqlite3, redis-server, as root
 * folders of tests/peers/run have them:
 *
 *   php tests/vectors/record-laravel-13.php > tests/vectors/laravel-13.json
 *
 * Payloads of Crypt, hashes and ids of jobs are random: each recording has others.
 */

declare(strict_types=1);

require '/usr/share/php/Illuminate/autoload.php';

use Illuminate\Bus\Queueable;
use Illuminate\Cache\CacheManager;
use Illuminate\Config\Repository;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Database\Capsule\Manager;
use Illuminate\Encryption\Encrypter;
use Illuminate\Foundation\Application;
use Illuminate\Hashing\BcryptHasher;
use Illuminate\Queue\DatabaseQueue;
use Illuminate\Redis\RedisManager;
use Illuminate\Support\Carbon;
use Illuminate\Support\Env;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Str;

const NOW = '2026-03-04T05:06:07+00:00';
const KEY = 'presence|guard:web|user:1';

enum Mood: string
{
    case Good = 'good';
}

final class Point
{
    public function __construct(public readonly int $x, private readonly ?Point $inner = null)
    {
    }
}

/** A queued job of an app, with a model's id and a time. */
final class AnnounceArrival implements ShouldQueue
{
    use Queueable;

    public function __construct(public int $userId, public Carbon $at)
    {
    }

    public function handle(): void
    {
    }
}

/** @return array{text: string, base64: string} */
function exact(string $bytes): array
{
    return ['text' => mb_convert_encoding($bytes, 'UTF-8', 'UTF-8'), 'base64' => base64_encode($bytes)];
}

/** The default prefixes of the framework's own configuration files, which are those of the skeleton. */
function prefixes(string $name): array
{
    $_SERVER['APP_NAME'] = $_ENV['APP_NAME'] = $name;
    putenv("APP_NAME={$name}");
    Env::enablePutenv();
    $config = '/usr/share/php/Illuminate/config';
    $redis = (require "{$config}/database.php")['redis']['options']['prefix'];
    $cache = (require "{$config}/cache.php")['prefix'];

    return ['app_name' => $name, 'redis' => $redis, 'cache' => $cache];
}

function create_app(int $port): Application
{
    $container = new Application(sys_get_temp_dir());
    $server = ['host' => '127.0.0.1', 'port' => $port];
    $container->instance('config', new Repository([
        'database.redis' => [
            'client' => 'phpredis',
            'options' => ['prefix' => 'laravel-database-'],
            'default' => $server + ['database' => 0],
            'cache' => $server + ['database' => 1],
        ],
        'cache' => [
            'default' => 'redis',
            'prefix' => 'laravel-cache-',
            'serializable_classes' => false,
            'stores' => [
                'redis' => ['driver' => 'redis', 'connection' => 'cache'],
                'database' => ['driver' => 'database', 'table' => 'cache', 'connection' => null],
            ],
        ],
    ]));
    $container->singleton('redis', fn () => new RedisManager(
        $container,
        'phpredis',
        $container['config']['database.redis']
    ));
    $databases = new Manager($container);
    $databases->addConnection(['driver' => 'sqlite', 'database' => ':memory:', 'prefix' => '']);
    $container->instance('db', $databases->getDatabaseManager());
    $container->bind('db.schema', fn () => $databases->getConnection()->getSchemaBuilder());
    $container->singleton('cache', fn () => new CacheManager($container));
    Facade::setFacadeApplication($container);

    return $container;
}

/** Runs the migration of a stub of the framework, and returns the statements that SQLite keeps. */
function migrate(Application $app, string $stub): array
{
    $text = strtr((string) file_get_contents($stub), ['{{table}}' => 'jobs']);
    $file = tempnam(sys_get_temp_dir(), 'stub');
    file_put_contents($file, $text);
    (require $file)->up();
    unlink($file);

    return array_map(
        fn (object $row): string => $row->sql,
        $app['db']->select("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%'")
    );
}

/** @return array<string, array<mixed>> */
function metas(): array
{
    $now = Carbon::now();

    return [
        'empty' => [],
        'ip_ua' => ['ip' => '127.0.0.1', 'ua' => 'Mozilla/5.0 (X11; Linux x86_64)'],
        'unicode' => ['name' => 'Zoë 😀', 'ключ' => "a\u{7f}"],
        'numbers' => ['int' => PHP_INT_MIN, 'float' => 0.1, 'whole' => 2.0, 'tiny' => 5e-324, 'list' => [1, '2', 3]],
        'sparse' => [3 => 'a', 5 => null, 'x' => true],
        'nul' => ['bytes' => "a\0b"],
        'carbon' => ['at' => $now, 'immutable' => $now->toImmutable()],
        'enum' => ['mood' => Mood::Good, 'n' => 1],
        'objects' => ['point' => new Point(1, new Point(2)), 'collection' => collect([1, 2]), 'n' => 1],
    ];
}

function record_values(Application $app): array
{
    $cases = [];
    foreach (metas() as $name => $meta) {
        $record = ['last_seen_at' => Carbon::now()->toIso8601String(), 'meta' => $meta];
        $case = ['name' => $name, 'now' => NOW, 'meta_json' => json_encode($meta, JSON_PRESERVE_ZERO_FRACTION) ?: null];
        $app['cache']->store('redis')->put(KEY, $record, 120);
        $redis = $app['redis']->connection('cache')->client();
        $redis->setOption(Redis::OPT_PREFIX, '');
        $key = 'laravel-database-laravel-cache-' . KEY;
        $case['redis'] = ['key' => $key, 'value' => exact($redis->get($key)), 'ttl' => $redis->ttl($key)];
        $redis->setOption(Redis::OPT_PREFIX, 'laravel-database-');
        $app['cache']->store('database')->put(KEY, $record, 120);
        $row = $app['db']->table('cache')->first();
        $case['row'] = ['key' => $row->key, 'value' => exact($row->value), 'expiration' => (int) $row->expiration];
        $read = $app['cache']->store('redis')->get(KEY)['meta'];
        $case['classes_read'] = array_map(fn (mixed $value): string => get_debug_type($value), $read);
        $cases[] = $case;
    }

    return $cases;
}

function record_crypt(): array
{
    $samples = [];
    foreach (['aes-256-cbc' => 32, 'aes-256-gcm' => 32, 'aes-128-cbc' => 16] as $cipher => $length) {
        $key = str_repeat(chr($length), $length);
        $crypt = new Encrypter($key, $cipher);
        foreach (['', 'token', "a\0b", 'Zoë 😀', str_repeat('x', 1000)] as $plain) {
            $samples[] = [
                'cipher' => $cipher,
                'app_key' => 'base64:' . base64_encode($key),
                'plain' => exact($plain),
                'payload' => $crypt->encryptString($plain),
            ];
        }
    }

    return $samples;
}

function record_bcrypt(): array
{
    $hasher = new BcryptHasher(['rounds' => 4]);
    $hash = fn (string $plain): array => ['plain' => $plain, 'hash' => $hasher->make($plain)];

    return array_map($hash, ['token', '', 'Zoë 😀', str_repeat('a', 72)]);
}

function record_job(Application $app): array
{
    $queue = new DatabaseQueue($app['db']->connection(), 'jobs');
    $queue->setContainer($app);
    $queue->setConnectionName('database');
    $queue->push(new AnnounceArrival(42, Carbon::now()));

    return (array) $app['db']->table('jobs')->first();
}

if (version_compare(Application::VERSION, '13', '<')) {
    exit('This is Laravel ' . Application::VERSION . ", not 13.\n");
}
Carbon::setTestNow(NOW);
$socket = stream_socket_server('tcp://127.0.0.1:0');
$port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
fclose($socket);
$server = proc_open(['redis-server', '--port', (string) $port, '--save', ''], [1 => ['file', '/dev/null', 'w']], $pipes);
while (! @fsockopen('127.0.0.1', $port)) {
    usleep(20_000);
}
$names = ['Laravel', 'My App', '', 'Zoë’s Café-2 @ home', 'ACME', 'app_name', '日本 Shop', '42', 'a.b:c/d', 'Straße & Söhne'];
$app = create_app($port);
$prefixes = array_map('prefixes', $names);
$schema = migrate($app, '/usr/share/php/Illuminate/Cache/Console/stubs/cache.stub');
$values = record_values($app);
$before = count($schema);
$jobs = array_slice(migrate($app, '/usr/share/php/Illuminate/Queue/Console/stubs/jobs.stub'), $before);
$primitives = json_decode((string) file_get_contents(__DIR__ . '/laravel-primitives.json'), true);
$recorded = [
    'source' => sprintf(
        'Laravel %s, PHP %s, phpredis %s, Carbon 3; cache.serializable_classes is false',
        Application::VERSION,
        PHP_VERSION,
        phpversion('redis')
    ),
    'prefixes' => $prefixes,
    'snake' => array_map(function (array $case): array {
        $in = base64_decode($case['in']['base64']);

        return ['in' => exact($in), 'out' => mb_check_encoding($in, 'UTF-8') ? exact(Str::snake($in)) : null];
    }, $primitives['snake']),
    'cache_table' => $schema,
    'values' => $values,
    'crypt' => record_crypt(),
    'bcrypt' => record_bcrypt(),
    'jobs_table' => $jobs,
    'job' => record_job($app),
];
proc_terminate($server);
echo json_encode($recorded, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR), "\n";

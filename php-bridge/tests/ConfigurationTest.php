<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Support\Configuration;

/** The app's configuration merged with the package's defaults, uncached and cached. */
final class ConfigurationTest extends TestCase
{
    private const AUTOLOAD = __DIR__ . '/autoload.php';

    private const CONFIG = __DIR__ . '/../config/presence.php';

    public function test_published_configuration_of_old_package_is_merged_with_defaults_recursively(): void
    {
        $old = [
            'driver' => 'webhook',
            'webhook' => ['url' => 'https://app.test/hooks', 'send_on' => ['heartbeat' => true]],
            'routing' => ['middleware' => ['api'], 'throttle' => null],
            'scope' => ['resolver' => null],
            'own' => ['key' => 1],
        ];
        $config = Configuration::mergeDefaults($old, require __DIR__ . '/../config/presence.php');

        self::assertSame('webhook', $config['driver']);
        $sendOn = ['online' => true, 'offline' => true, 'heartbeat' => true, 'away' => true];
        self::assertSame($sendOn, $config['webhook']['send_on']);
        self::assertSame(['api'], $config['routing']['middleware']);
        self::assertNull($config['routing']['throttle']);
        self::assertSame('presence', $config['routing']['prefix']);
        self::assertNull($config['webhook']['receiver']['path']);
        self::assertSame(120, $config['cache']['ttl_seconds']);
        self::assertSame(['key' => 1], $config['own']);
    }

    public function test_environment_variables_set_ttl_and_away_after(): void
    {
        $environment = ['PRESENCE_TTL' => '60', 'PRESENCE_AWAY_AFTER' => '45'];
        [$status, $output] = $this->runInProcess('presence:doctor', $environment);
        self::assertSame(1, $status);
        self::assertStringContainsString('away after 45 s, offline after 60 s', $output);
    }

    public function test_empty_environment_variables_count_as_unset(): void
    {
        preg_match_all("/env\\('(PRESENCE_[A-Z_]+)'/", (string) file_get_contents(self::CONFIG), $names);
        self::assertContains('PRESENCE_TTL', $names[1]);
        $read = fn (string $assignments): string => (string) shell_exec(
            "env -i PATH=\"\$PATH\" {$assignments} " . escapeshellarg(PHP_BINARY) . ' -r '
            . escapeshellarg('require ' . var_export(self::AUTOLOAD, true) . '; $config = require '
                . var_export(self::CONFIG, true) . '; array_walk_recursive($config, function (&$value) {
                    $value = $value ?: null; }); echo json_encode($config);')
        );
        $empty = implode('= ', $names[1]) . '=';
        self::assertStringContainsString('"ttl_seconds":120', $read(''));
        self::assertSame($read(''), $read($empty));
    }

    public function test_configuration_routes_and_views_can_be_cached(): void
    {
        foreach (['config:cache', 'route:cache', 'view:cache'] as $command) {
            [$status, $output] = $this->runInProcess($command);
            self::assertSame(0, $status, $output);
        }
        [$status, $output] = $this->runInProcess('presence:doctor', ['PRESENCE_TTL' => '60']);
        self::assertSame(0, $status, $output);
        [, $routes] = $this->runInProcess('route:list');
        self::assertStringContainsString('presence.heartbeat', $routes);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Tests\Support\RedisServer;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Event;

/** The command presence:catch-up. */
final class CatchUpTest extends TestCase
{
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
        $redis->client()->rawCommand('XTRIM', self::redisKey('{presence}:changes'), 'MAXLEN', '1');
        $redis->client()->set(self::redisKey('{presence}:trimmed'), $second); // As the sidecar records it.

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

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\ChannelName;
use AesirCloud\Presence\Tests\Support\RecordingBroadcaster;
use Demo\User;
use Illuminate\Broadcasting\BroadcastManager;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Event;

/** The broadcasts of the webhook receiver. */
final class BroadcastTest extends WebhookTestCase
{
    protected function setUp(): void
    {
        parent::setUp();
        $this->config += ['presence.webhook.receiver.broadcast' => true];
    }

    /** Starts the app with a broadcaster that records, and fails if the request is larger than Reverb accepts. */
    private function startRecording(array $config = []): RecordingBroadcaster
    {
        $this->reconfigure($config + $this->config + ['broadcasting.connections.recording.driver' => 'recording']);
        $broadcaster = new RecordingBroadcaster();
        $this->app->make(BroadcastManager::class)->extend('recording', fn () => $broadcaster);
        config(['broadcasting.default' => 'recording']);

        return $broadcaster;
    }

    public function test_public_broadcast_has_status_and_private_broadcast_has_meta(): void
    {
        $sent = $this->startRecording();
        $this->receive($this->body('away', 7))->assertNoContent();
        $user = "private-presence.user.{$this->id}";
        self::assertSame(['status.global', 'presence.global', $user], array_keys($sent->payloads));
        self::assertSame(['presence.updated'], array_unique($sent->names));
        $public = $sent->payloads['status.global'];
        self::assertSame(['status' => 'away'], $public['meta']);
        self::assertSame([$this->id, 'away', 7], [$public['user_id'], $public['status'], $public['seq']]);
        self::assertSame($public, $sent->payloads['presence.global']);
        self::assertSame('10.0.0.1', $sent->payloads[$user]['meta']['ip']);
    }

    public function test_receiver_does_not_broadcast_and_says_so_once_if_the_sidecar_broadcasts(): void
    {
        $sent = $this->startRecording();
        $this->app->make(CacheStore::class)->repository()->forget('presence:both-broadcast');
        foreach (['online', 'away', 'offline'] as $seq => $event) {
            $body = $this->body($event, $seq + 1);
            $this->receive($body, $this->sign($body) + ['X-Presence-Broadcast' => 'reverb'])->assertNoContent();
        }
        self::assertSame([], $sent->payloads);
        self::assertSame(1, substr_count($this->logContents(), '[object] (RuntimeException'));
    }

    public function test_channel_names_are_configurable(): void
    {
        $sent = $this->startRecording([
            'presence.broadcast.channels.public' => ['who-is-here'],
            'presence.broadcast.channels.user' => 'of.{id}.presence',
        ]);
        $this->receive($this->body('online', 1, ['user_id' => 'a b']))->assertNoContent();
        self::assertSame(['who-is-here', 'private-of.a=20b.presence'], array_keys($sent->payloads));

        $sent = $this->startRecording([
            'presence.broadcast.channels.public' => [],
            'presence.broadcast.channels.user' => null,
        ]);
        $this->receive($this->body('online', 2))->assertNoContent();
        self::assertSame([], $sent->payloads);
    }

    public function test_event_is_dispatched_once_and_failure_reported_if_broadcaster_is_down(): void
    {
        $down = ['broadcasting.default' => 'redis', 'database.redis.default.port' => 1];
        $this->reconfigure($down + $this->config);
        $events = 0;
        Event::listen(UserCameOnline::class, function () use (&$events): void {
            $events++;
        });
        foreach ([1, 2, 3] as $_) {
            $this->receive($this->body('online'))->assertNoContent();
        }
        self::assertSame(1, $events);
        self::assertStringContainsString('RedisException', $this->logContents());
    }

    public function test_receiver_succeeds_if_neither_broadcaster_nor_log_can_be_written(): void
    {
        $broken = ['driver' => 'single', 'path' => '/dev/full/laravel.log'];
        $down = ['broadcasting.default' => 'redis', 'database.redis.default.port' => 1];
        $this->reconfigure($down + $this->config + ['logging.channels.single' => $broken]);
        Event::fake([UserCameOnline::class]);
        $this->receive($this->body('online'))->assertNoContent();
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }

    public function test_every_user_id_is_valid_in_channel_name_and_can_be_decoded(): void
    {
        $ids = [7, '007', 'acme:7', 'ada+x@example.com', 'Zoë', 'a=b', 'a.b', '=3A', 'a/b c|d', "\u{1F600}", '-_@,;'];
        $sent = $this->startRecording();
        foreach ($ids as $seq => $id) {
            $fields = ['user_id' => $id, 'id' => "evt-{$this->id}-{$seq}"];
            $this->receive($this->body('online', $seq + 1, $fields))->assertNoContent();
            $channel = (string) array_key_last($sent->payloads);
            self::assertMatchesRegularExpression('/^private-presence\.user\.[-a-zA-Z0-9_=@,;]+$/', $channel);
            $part = substr($channel, strlen('private-presence.user.'));
            self::assertSame((string) $id, ChannelName::decode($part));
        }
        self::assertCount(2 + count($ids), $sent->payloads, 'Two ids share a channel.');
        self::assertSame('acme=3A7', ChannelName::encode('acme:7'));
        self::assertSame('', $this->logContents());
    }

    public function test_channel_route_can_decode_id(): void
    {
        $broadcaster = $this->startRecording();
        $asked = null;
        Broadcast::channel('presence.user.{id}', function (User $user, string $id) use (&$asked): bool {
            $asked = ChannelName::decode($id);

            return true;
        });
        $request = Request::create('/broadcasting/auth', 'POST', [
            'channel_name' => 'private-presence.user.' . ChannelName::encode('ada.b+c@ex.org'),
        ]);
        $request->setUserResolver(fn (): User => $this->user());
        $broadcaster->auth($request);
        self::assertSame('ada.b+c@ex.org', $asked);
    }

    public function test_meta_that_is_too_large_for_broadcaster_is_left_out(): void
    {
        $sent = $this->startRecording();
        $meta = ['note' => str_repeat('ж', 1500)];
        $this->receive($this->body('online', 1, ['meta' => $meta]))->assertNoContent();
        $channel = "private-presence.user.{$this->id}";
        self::assertSame(['status' => 'online'], $sent->payloads[$channel]['meta']);
        self::assertSame($this->id, $sent->payloads[$channel]['user_id']);
        self::assertSame('', $this->logContents());

        $sent = $this->startRecording(['presence.broadcast.max_bytes' => 0]);
        $sent->maxBytes = PHP_INT_MAX;
        $this->receive($this->body('away', 2, ['meta' => $meta]))->assertNoContent();
        self::assertSame($meta, $sent->payloads[$channel]['meta']);
    }

    public function test_receiver_of_app_for_old_package_accepts_webhook(): void
    {
        $sent = $this->startRecording();
        $body = $this->body('online');
        $server = $this->transformHeadersToServerVars($this->sign($body));
        $this->call('POST', '/hooks/presence', [], [], [], $server, $body)->assertNoContent();
        self::assertSame(['status.global', 'presence.global'], array_keys($sent->payloads));
        $this->call('POST', '/hooks/presence', [], [], [], [], $body)->assertUnauthorized();
    }
}

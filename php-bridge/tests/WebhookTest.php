<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\PresenceBroadcast;
use AesirCloud\Presence\Events\PresenceUpdated;
use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Events\UserWentAway;
use AesirCloud\Presence\Events\UserWentOffline;
use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Webhooks\Change;
use AesirCloud\Presence\Webhooks\WebhookHandler;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use RuntimeException;
use Symfony\Component\HttpKernel\Exception\HttpException;

/** The webhook receiver. */
final class WebhookTest extends WebhookTestCase
{
    public function test_receiver_is_off_without_path(): void
    {
        $this->reconfigure([]);
        self::assertFalse(Route::has('presence.webhook'));
        $this->post('/hooks/sidecar')->assertNotFound();
    }

    public function test_receiver_dispatches_one_event_per_change(): void
    {
        $this->receive($this->body('online', 1))->assertNoContent();
        $this->receive($this->body('away', 2))->assertNoContent();
        $this->receive($this->body('offline', 3))->assertNoContent();
        $this->receive($this->body('heartbeat', 4))->assertNoContent();

        foreach ([UserCameOnline::class, UserWentAway::class, UserWentOffline::class] as $event) {
            Event::assertDispatchedTimes($event, 1);
        }
        Event::assertDispatched(UserWentAway::class, fn (UserWentAway $event): bool => $event->userId === $this->id
            && array_slice(array_keys($event->payload), 0, 3) === ['user_id', 'occurred_at', 'meta']
            && $event->payload['meta']['url'] === 'https://ex.test/é');
        $isHeartbeat = fn (PresenceUpdated $event): bool => $event->type === 'heartbeat';
        Event::assertDispatched(PresenceUpdated::class, $isHeartbeat);
        Event::assertNotDispatched(PresenceBroadcast::class);
    }

    public function test_event_has_cause_of_webhook(): void
    {
        $this->receive($this->body('offline', 1, ['cause' => 'ttl']))->assertNoContent();
        $this->receive($this->body('online', 2))->assertNoContent();
        Event::assertDispatched(UserWentOffline::class, fn (UserWentOffline $event): bool => $event->cause === 'ttl');
        Event::assertDispatched(UserCameOnline::class, fn (UserCameOnline $event): bool => $event->cause === null);
    }

    public function test_online_of_online_user_dispatches_update(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('online', 2));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        $isOnline = fn (PresenceUpdated $event): bool => $event->type === 'online';
        Event::assertDispatched(PresenceUpdated::class, $isOnline);
    }

    public function test_receiver_ignores_duplicate_and_stale_changes(): void
    {
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5))->assertNoContent();
        $this->receive($this->body('online', 5, ['id' => "other-{$this->id}"]))->assertNoContent();
        $this->receive($this->body('offline', 4))->assertNoContent();
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertNotDispatched(UserWentOffline::class);
        Event::assertNotDispatched(PresenceUpdated::class);
    }

    public function test_online_after_heartbeat_of_online_user_dispatches_update(): void
    {
        $this->receive($this->body('online', 1));
        $this->receive($this->body('heartbeat', 2));
        $this->receive($this->body('online', 3));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
        Event::assertDispatchedTimes(PresenceUpdated::class, 2);
    }

    public function test_same_user_id_in_different_scopes_is_tracked_separately(): void
    {
        $this->receive($this->body('online', 5));
        $this->receive($this->body('online', 4, ['scope' => ['tenant' => 'acme', 'guard' => 'web']]));
        Event::assertDispatchedTimes(UserCameOnline::class, 2);
    }

    public function test_change_is_dispatched_again_after_listener_failed(): void
    {
        $this->reconfigure($this->config);
        $tries = 0;
        Event::listen(UserCameOnline::class, function () use (&$tries): void {
            if (++$tries === 1) {
                throw new RuntimeException('listener failed');
            }
        });
        $this->receive($this->body('online'))->assertStatus(500);
        $this->receive($this->body('online'))->assertNoContent();
        $this->receive($this->body('online'))->assertNoContent();
        self::assertSame(2, $tries);
    }

    public function test_change_that_is_still_being_handled_is_not_handled_twice(): void
    {
        $this->reconfigure($this->config);
        $events = 0;
        $refused = 0;
        $change = Change::fromPayload(json_decode($this->body('online'), true));
        $webhooks = $this->app->make(WebhookHandler::class);
        Event::listen(UserCameOnline::class, function () use (&$events, &$refused, $webhooks, $change): void {
            if (++$events > 1) {
                return;
            }
            try {
                $webhooks->handle($change, 'retried while the listener runs');
            } catch (HttpException $exception) {
                $refused = $exception->getStatusCode();
                self::assertSame(['Retry-After' => 5], $exception->getHeaders());
            }
        });
        self::assertTrue($webhooks->handle($change, 'first delivery'));
        self::assertSame([1, 503], [$events, $refused]);
        self::assertFalse($webhooks->handle($change, 'second delivery'));
    }

    public function test_receiver_accepts_ping_and_rejects_malformed_body(): void
    {
        $this->receive($this->body('ping', 1, ['user_id' => null]))->assertNoContent();
        foreach (['{}', '[]', 'null', '"x"', '{', '{"user_id":1}', '{"user_id":{},"event":"online"}'] as $malformed) {
            $this->receive($malformed)->assertStatus(422);
        }
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_transition_of_own_call_is_dispatched_by_webhook_only(): void
    {
        Presence::heartbeat($this->user());
        Event::assertNotDispatched(UserCameOnline::class);
        Event::assertDispatchedTimes(PresenceUpdated::class, 1);
        $this->receive($this->body('online'));
        Event::assertDispatchedTimes(UserCameOnline::class, 1);
    }
}

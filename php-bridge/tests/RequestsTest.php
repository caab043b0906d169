<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Http\Middleware\UpdatePresence;
use AesirCloud\Presence\Http\Middleware\UseGuard;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\Key;
use Demo\User;
use Illuminate\Auth\Events\Login;
use Illuminate\Auth\Events\Logout;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Illuminate\Testing\TestResponse;
use Symfony\Component\HttpFoundation\Response;

/** Requests with sessions: the middleware, login and logout, the heartbeat route. */
final class RequestsTest extends TestCase
{
    /** @var array<string, string> the browser's cookies */
    private array $cookies = [];

    /** Sends a request to a new application instance, as with php-fpm. */
    private function sendRequest(string $method, string $path, array $data = [], array $server = []): TestResponse
    {
        $this->reconfigure($this->config);
        $accept = $server + ['HTTP_ACCEPT' => 'application/json'];
        $request = Request::create($path, $method, $data, $this->cookies, [], $accept);
        $kernel = $this->app->make(Kernel::class);
        $response = $kernel->handle($request);
        foreach ($response->headers->getCookies() as $cookie) {
            $this->cookies[$cookie->getName()] = (string) $cookie->getValue();
        }
        $kernel->terminate($request, $response);

        return TestResponse::fromBaseResponse($response);
    }

    private function csrf(): string
    {
        $page = (string) $this->sendRequest('GET', '/login')->content();
        preg_match('/csrf-token" content="([^"]+)"/', $page, $matches);

        return $matches[1];
    }

    private function logIn(): void
    {
        $credentials = ['id' => $this->id, 'password' => User::PASSWORD, '_token' => $this->csrf()];
        $this->sendRequest('POST', '/login', $credentials)->assertRedirect();
    }

    private function logOut(): void
    {
        $this->sendRequest('POST', '/logout', ['_token' => $this->csrf()])->assertRedirect();
    }

    public function test_login_sets_online_and_logout_sets_offline(): void
    {
        $this->logIn();
        self::assertSame('online', Presence::status($this->id)['status']);
        $this->logOut();
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_heartbeat_during_logout_does_not_mark_user_online_again(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $this->reconfigure($this->config);
        Route::middleware('web')->post('/slow-logout', function (): string {
            $session = session()->get('presence:session');
            Auth::logout();
            // A heartbeat of the page that another process accepts, since the session has not been saved yet.
            $sentAt = (int) (microtime(true) * 1000) + 1;
            Presence::heartbeat($this->user(), ['from' => 'the page'], $session, true, $sentAt);

            return 'done';
        });
        $request = Request::create('/slow-logout', 'POST', ['_token' => $csrf], $this->cookies);
        $kernel = $this->app->make(Kernel::class);
        $kernel->terminate($request, $kernel->handle($request));
        self::assertSame('offline', Presence::status($this->id)['status']);
        Presence::online($this->user());
        $kernel->terminate(Request::create('/'), new Response());
        self::assertSame('online', Presence::status($this->id)['status']);
    }

    public function test_listeners_handle_events_outside_of_requests(): void
    {
        Event::dispatch(new Login('web', $this->user(), false));
        self::assertSame(['source' => 'login'], Presence::status($this->id)['meta']);
        Event::dispatch(new Logout('web', $this->user()));
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_logout_on_one_device_keeps_other_device_online(): void
    {
        $this->logIn();
        [$phone, $this->cookies] = [$this->cookies, []];
        $this->logIn();
        $this->logOut();
        self::assertSame('online', Presence::status($this->id)['status']);
        $this->cookies = $phone;
        $this->logOut();
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_middleware_records_one_heartbeat_per_session_in_30_seconds(): void
    {
        $this->logIn();
        self::assertSame(['source' => 'login'], Presence::status($this->id)['meta']);
        $this->sendRequest('GET', '/');
        $this->sendRequest('GET', '/', [], ['REMOTE_ADDR' => '10.1.1.1']);
        self::assertSame(['ip' => '127.0.0.1'], Presence::status($this->id)['meta']);

        $redis = self::redis()->client(1);
        [$throttle] = $redis->keys('*presence:beat:' . sha1(session()->getId() . "|web|{$this->id}"));
        self::assertEqualsWithDelta(30, $redis->ttl($throttle), 2);
        $redis->del($throttle);
        $this->sendRequest('GET', '/', [], ['REMOTE_ADDR' => '10.9.8.7']);
        self::assertSame(['ip' => '10.9.8.7'], Presence::status($this->id)['meta']);
    }

    public function test_middleware_ignores_fetch_calls_of_pages_with_heartbeat_script(): void
    {
        $this->logIn();
        $this->sendRequest('GET', '/login', [], ['HTTP_SEC_FETCH_DEST' => 'document']);
        self::redis()->client(1)->del(self::redis()->client(1)->keys('*presence:beat:*'));
        Presence::heartbeat($this->user(), ['from' => 'the page'], session()->get('presence:session'), false);
        $this->sendRequest('GET', "/presence/status/{$this->id}", [], ['HTTP_SEC_FETCH_DEST' => 'empty'])->assertOk();
        self::assertSame('away', Presence::status($this->id)['status']);
        $this->sendRequest('GET', '/', [], ['HTTP_SEC_FETCH_DEST' => 'document']);
        self::assertSame('online', Presence::status($this->id)['status']);
    }

    public function test_middleware_records_heartbeat_after_response_only(): void
    {
        $fake = Presence::fake();
        $middleware = $this->app->make(UpdatePresence::class);
        $request = Request::create('/');
        $request->setUserResolver(fn (): User => $this->user());
        $response = $middleware->handle($request, fn (): Response => new Response('page'));
        $fake->assertNothingRecorded();

        $middleware->terminate($request, $response);
        $fake->assertHeartbeat($this->id, fn (array $meta): bool => $meta === ['ip' => '127.0.0.1']);
    }

    public function test_request_that_completes_after_page_has_ended_does_not_mark_user_online(): void
    {
        $received = microtime(true);
        $complete = function (float $received): string {
            $request = Request::create('/', 'GET', [], [], [], ['REQUEST_TIME_FLOAT' => $received]);
            $request->setUserResolver(fn (): User => $this->user());
            $this->app->make(CacheStore::class)->repository()->forget('presence:beat:' . sha1(Key::for($this->user())));
            $this->app->make(UpdatePresence::class)->terminate($request, new Response());

            return Presence::status($this->id)['status'];
        };
        self::assertSame('online', $complete($received));
        Presence::offline($this->user(), [], 'default', (int) (($received + 1) * 1000));
        self::assertSame('offline', $complete($received));
        self::assertSame('online', $complete($received + 2));
    }

    public function test_middleware_ignores_guests(): void
    {
        $before = Presence::counts()['present'];
        $this->sendRequest('GET', '/')->assertOk();
        self::assertSame($before, Presence::counts()['present']);
    }

    public function test_heartbeat_route_responds_and_throttles_as_old_package(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $agent = str_repeat('é', 200);
        $server = ['HTTP_X_CSRF_TOKEN' => $csrf, 'HTTP_USER_AGENT' => $agent];
        $this->sendRequest('POST', '/presence/heartbeat', [], $server)
            ->assertOk()->assertExactJson(['ok' => true])
            ->assertHeader('X-RateLimit-Limit', 60)->assertHeader('X-RateLimit-Remaining', 59);

        $meta = Presence::status($this->id)['meta'];
        self::assertSame(['ip' => '127.0.0.1', 'ua' => str_repeat('é', 127)], $meta);
        $this->sendRequest('POST', '/presence/heartbeat')->assertStatus(419);
    }

    public function test_heartbeat_route_rejects_guests(): void
    {
        $this->sendRequest('POST', '/presence/heartbeat', ['_token' => $this->csrf()])->assertUnauthorized();
    }

    public function test_heartbeat_route_accepts_inactive_and_end(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $this->sendRequest('POST', '/presence/heartbeat', ['_token' => $csrf, 'active' => '0'])->assertOk();
        self::assertSame('away', Presence::status($this->id)['status']);
        $this->sendRequest('POST', '/presence/heartbeat', ['_token' => $csrf, 'end' => '1'])->assertOk();
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_heartbeat_route_ignores_heartbeat_sent_before_end_of_session(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $fields = ['_token' => $csrf, 'sent_at' => '1772600767001'];
        $this->sendRequest('POST', '/presence/heartbeat', $fields + ['end' => 'true'])->assertOk();
        foreach (['1772600767000', '1772600767001'] as $stale) {
            $this->sendRequest('POST', '/presence/heartbeat', ['sent_at' => $stale] + $fields)->assertOk();
            self::assertSame('offline', Presence::status($this->id)['status']);
        }
        $this->sendRequest('POST', '/presence/heartbeat', ['sent_at' => '1772600767002'] + $fields)->assertOk();
        self::assertSame('online', Presence::status($this->id)['status']);
    }

    public function test_heartbeat_without_valid_sent_at_counts_on_arrival(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        foreach ([null, '', 'soon', '1.5', ['1']] as $sentAt) {
            $end = ['_token' => $csrf, 'end' => '1', 'sent_at' => '1772600767001'];
            $this->sendRequest('POST', '/presence/heartbeat', $end)->assertOk();
            $heartbeat = ['_token' => $csrf, 'sent_at' => $sentAt];
            $this->sendRequest('POST', '/presence/heartbeat', $heartbeat)->assertOk();
            self::assertSame('online', Presence::status($this->id)['status']);
        }
    }

    public function test_heartbeat_route_throttle_and_prefix_are_configurable(): void
    {
        $this->reconfigure(['presence.routing.throttle' => '', 'presence.routing.prefix' => 'here']);
        self::assertSame(url('here/heartbeat'), route('presence.heartbeat'));
        $middleware = Route::getRoutes()->getByName('presence.heartbeat')->middleware();
        self::assertSame([UseGuard::class, 'web', 'auth'], $middleware);
        self::assertFalse(Route::has('presence.webhook'));
        self::assertFalse(Route::has('presence.token'));
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Http\Middleware\UpdatePresence;
use Demo\User;
use Illuminate\Auth\Events\Login;
use Illuminate\Auth\Events\Logout;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Illuminate\Testing\TestResponse;
use Symfony\Component\HttpFoundation\Response;

/** Requests of browsers with real sessions: the middleware, login and logout, the heartbeat route. */
final class RequestsTest extends TestCase
{
    /** @var array<string, string> the browser's cookies */
    private array $cookies = [];

    /** A request to a worker that has just begun, as with php-fpm. */
    private function visit(string $method, string $path, array $data = [], array $server = []): TestResponse
    {
        $this->configured($this->config);
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
        preg_match('/csrf-token" content="([^"]+)"/', (string) $this->visit('GET', '/login')->content(), $found);

        return $found[1];
    }

    private function logIn(): void
    {
        $words = ['id' => $this->id, 'password' => User::PASSWORD, '_token' => $this->csrf()];
        $this->visit('POST', '/login', $words)->assertRedirect();
    }

    private function logOut(): void
    {
        $this->visit('POST', '/logout', ['_token' => $this->csrf()])->assertRedirect();
    }

    public function test_login_makes_online_and_logout_makes_offline(): void
    {
        $this->logIn();
        self::assertSame('online', Presence::status($this->id)['status']);
        $this->logOut();
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_the_listeners_work_for_events_outside_of_requests(): void
    {
        Event::dispatch(new Login('web', $this->user(), false));
        self::assertSame(['source' => 'login'], Presence::status($this->id)['meta']);
        Event::dispatch(new Logout('web', $this->user()));
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_logging_out_on_one_device_leaves_the_other_online(): void
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

    public function test_visits_are_heartbeats_one_in_thirty_seconds_of_a_session(): void
    {
        $this->logIn();
        self::assertSame(['source' => 'login'], Presence::status($this->id)['meta']);
        $this->visit('GET', '/');
        $this->visit('GET', '/', [], ['REMOTE_ADDR' => '10.1.1.1']);
        self::assertSame(['ip' => '127.0.0.1'], Presence::status($this->id)['meta']);

        $redis = self::redis()->client(1);
        [$throttle] = $redis->keys('*presence:beat:' . sha1('session:' . session()->getId()));
        self::assertEqualsWithDelta(30, $redis->ttl($throttle), 2);
        $redis->del($throttle);
        $this->visit('GET', '/', [], ['REMOTE_ADDR' => '10.9.8.7']);
        self::assertSame(['ip' => '10.9.8.7'], Presence::status($this->id)['meta']);
    }

    public function test_what_pages_that_beat_ask_for_by_themselves_is_no_visit(): void
    {
        $this->logIn();
        $this->visit('GET', '/login', [], ['HTTP_SEC_FETCH_DEST' => 'document']);
        self::redis()->client(1)->del(self::redis()->client(1)->keys('*presence:beat:*'));
        Presence::heartbeat($this->user(), ['from' => 'the page'], session()->get('presence:session'), false);
        $this->visit('GET', "/presence/status/{$this->id}", [], ['HTTP_SEC_FETCH_DEST' => 'empty'])->assertOk();
        self::assertSame('away', Presence::status($this->id)['status']);
        $this->visit('GET', '/', [], ['HTTP_SEC_FETCH_DEST' => 'document']);
        self::assertSame('online', Presence::status($this->id)['status']);
    }

    public function test_the_middleware_does_nothing_before_the_response_is_sent(): void
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

    public function test_guests_leave_no_trace(): void
    {
        $before = Presence::counts()['present'];
        $this->visit('GET', '/')->assertOk();
        self::assertSame($before, Presence::counts()['present']);
    }

    public function test_the_heartbeat_route_answers_and_counts_as_the_old_one(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $agent = str_repeat('é', 200);
        $server = ['HTTP_X_CSRF_TOKEN' => $csrf, 'HTTP_USER_AGENT' => $agent];
        $this->visit('POST', '/presence/heartbeat', [], $server)
            ->assertOk()->assertExactJson(['ok' => true])
            ->assertHeader('X-RateLimit-Limit', 60)->assertHeader('X-RateLimit-Remaining', 59);

        $meta = Presence::status($this->id)['meta'];
        self::assertSame(['ip' => '127.0.0.1', 'ua' => str_repeat('é', 127)], $meta);
        $this->visit('POST', '/presence/heartbeat')->assertStatus(419);
    }

    public function test_guests_are_refused_by_the_heartbeat_route(): void
    {
        $this->visit('POST', '/presence/heartbeat', ['_token' => $this->csrf()])->assertUnauthorized();
    }

    public function test_a_page_says_that_it_idles_and_that_it_ends(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $this->visit('POST', '/presence/heartbeat', ['_token' => $csrf, 'active' => '0'])->assertOk();
        self::assertSame('away', Presence::status($this->id)['status']);
        $this->visit('POST', '/presence/heartbeat', ['_token' => $csrf, 'end' => '1'])->assertOk();
        self::assertSame('offline', Presence::status($this->id)['status']);
    }

    public function test_a_heartbeat_that_the_end_of_its_page_overtakes_brings_nobody_back(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        $said = ['_token' => $csrf, 'sent_at' => '1772600767001'];
        $this->visit('POST', '/presence/heartbeat', $said + ['end' => 'true'])->assertOk();
        foreach (['1772600767000', '1772600767001'] as $late) {
            $this->visit('POST', '/presence/heartbeat', ['sent_at' => $late] + $said)->assertOk();
            self::assertSame('offline', Presence::status($this->id)['status']);
        }
        $this->visit('POST', '/presence/heartbeat', ['sent_at' => '1772600767002'] + $said)->assertOk();
        self::assertSame('online', Presence::status($this->id)['status']);
    }

    public function test_a_page_that_tells_no_time_or_nonsense_counts_as_it_arrives(): void
    {
        $this->logIn();
        $csrf = $this->csrf();
        foreach ([null, '', 'soon', '1.5', ['1']] as $sentAt) {
            $end = ['_token' => $csrf, 'end' => '1', 'sent_at' => '1772600767001'];
            $this->visit('POST', '/presence/heartbeat', $end)->assertOk();
            $beat = ['_token' => $csrf, 'sent_at' => $sentAt];
            $this->visit('POST', '/presence/heartbeat', $beat)->assertOk();
            self::assertSame('online', Presence::status($this->id)['status']);
        }
    }

    public function test_a_heartbeat_route_without_throttle_is_possible(): void
    {
        $this->configured(['presence.routing.throttle' => '', 'presence.routing.prefix' => 'here']);
        self::assertSame(url('here/heartbeat'), route('presence.heartbeat'));
        self::assertSame(['web', 'auth'], Route::getRoutes()->getByName('presence.heartbeat')->middleware());
        self::assertFalse(Route::has('presence.webhook'));
        self::assertFalse(Route::has('presence.token'));
    }
}

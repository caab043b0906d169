<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Http\Middleware\UpdatePresence;
use AesirCloud\Presence\View\HeartbeatScript;
use Illuminate\Auth\Events\Login;
use Illuminate\Auth\Events\Logout;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Symfony\Component\HttpFoundation\Response;

/** An app with two guards, `web` and `staff`, whose users have the same ids. */
final class GuardTest extends TestCase
{
    protected array $config = [
        'auth.guards.staff' => ['driver' => 'session', 'provider' => 'users'],
        'auth.guards.api' => ['driver' => 'token', 'provider' => 'users'],
        'session.driver' => 'array',
    ];

    /** @param array{web: string, staff: string} $expected */
    private function assertStatuses(array $expected): void
    {
        $status = fn (string $guard): string => Presence::status($this->id, ['guard' => $guard])['status'];
        self::assertSame($expected, ['web' => $status('web'), 'staff' => $status('staff')]);
    }

    public function test_login_and_logout_affect_their_own_guard(): void
    {
        Auth::guard('staff')->login($this->user());
        $this->assertStatuses(['web' => 'offline', 'staff' => 'online']);
        Auth::guard('web')->login($this->user());
        Auth::guard('staff')->logout();
        $this->assertStatuses(['web' => 'online', 'staff' => 'offline']);
        self::assertSame('web', Auth::getDefaultDriver());
    }

    public function test_logout_of_current_device_ends_session_of_its_guard(): void
    {
        Auth::guard('staff')->login($this->user());
        Auth::guard('web')->login($this->user());
        $this->assertStatuses(['web' => 'online', 'staff' => 'online']);
        Auth::guard('staff')->logoutCurrentDevice();
        $this->assertStatuses(['web' => 'online', 'staff' => 'offline']);
    }

    public function test_events_outside_of_requests_affect_their_guard(): void
    {
        Event::dispatch(new Login('staff', $this->user(), false));
        $this->assertStatuses(['web' => 'offline', 'staff' => 'online']);
        Event::dispatch(new Logout('staff', $this->user()));
        $this->assertStatuses(['web' => 'offline', 'staff' => 'offline']);
    }

    public function test_scope_resolver_sees_user_of_guard_at_login(): void
    {
        config(['presence.scope.resolver' => fn (): array => ['tenant' => 'of-' . Auth::getDefaultDriver()]]);
        Auth::guard('staff')->login($this->user());
        $status = Presence::status($this->id, ['tenant' => 'of-staff', 'guard' => 'staff']);
        self::assertSame('online', $status['status']);
    }

    public function test_failed_call_at_login_restores_guard(): void
    {
        config(['presence.scope.resolver' => 'App\\NoSuchResolver']);
        try {
            Event::dispatch(new Login('staff', $this->user(), false));
            self::fail('The resolver is invalid.');
        } catch (\LogicException) {
            self::assertSame('web', Auth::getDefaultDriver());
        }
    }

    public function test_page_of_other_guard_sends_heartbeats_for_its_user(): void
    {
        Route::get('/staff', fn (): string => app(HeartbeatScript::class)->render())->middleware(['web', 'auth:staff']);
        Auth::guard('staff')->login($this->user());
        $page = (string) $this->get('/staff')->assertOk()->content();
        preg_match('~"heartbeat":"(/presence/heartbeat\?guard=staff)","csrf":"([^"]+)"~', $page, $matches);
        [, $url, $csrf] = $matches;
        Presence::offline($this->user());
        $this->assertStatuses(['web' => 'offline', 'staff' => 'offline']);

        Auth::shouldUse('web');
        $this->postJson($url, [], ['X-CSRF-TOKEN' => $csrf])->assertOk();
        $this->assertStatuses(['web' => 'offline', 'staff' => 'online']);
        Auth::shouldUse('web');
        foreach (['', '?guard=web', '?guard=none', '?guard=api', '?guard[]=staff'] as $query) {
            $this->postJson("/presence/heartbeat{$query}", [], ['X-CSRF-TOKEN' => $csrf])->assertUnauthorized();
        }
    }

    public function test_middleware_records_users_of_both_guards_of_one_browser(): void
    {
        $middleware = $this->app->make(UpdatePresence::class);
        foreach (['web', 'staff'] as $guard) {
            $request = Request::create('/');
            $request->setLaravelSession($this->app->make('session')->driver());
            $request->setUserResolver(fn () => $this->user());
            Auth::shouldUse($guard);
            Auth::guard();
            $middleware->terminate($request, new Response());
        }
        $this->assertStatuses(['web' => 'online', 'staff' => 'online']);
    }
}

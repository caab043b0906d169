<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Foundation\Support\Providers\RouteServiceProvider;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;

/** Registers the demo's users, routes and broadcast channels. */
final class DemoServiceProvider extends RouteServiceProvider
{
    public function boot(): void
    {
        Auth::provider('demo', fn (): DemoUserProvider => new DemoUserProvider());
        // A page may watch all users of its own scope.
        config(['presence.sidecar.user_tokens.watch' => 'scope']);
        Broadcast::channel('presence.user.{id}', fn (User $user): bool => true);
        $this->routes(function (): void {
            Route::middleware('web')->group(__DIR__ . '/../routes/web.php');
            Route::group([], __DIR__ . '/../routes/hooks.php');
        });
    }
}

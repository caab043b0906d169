<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Broadcast;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\ServiceProvider;

/** The app's users, routes and channels. */
final class DemoServiceProvider extends ServiceProvider
{
    public function boot(): void
    {
        Auth::provider('people', fn (): People => new People());
        Route::middleware('web')->group(__DIR__ . '/../routes/web.php');
        Route::group([], __DIR__ . '/../routes/hooks.php');
        Broadcast::channel('presence.user.{id}', fn (User $user): bool => true);
    }
}

<?php

declare(strict_types=1);

use AesirCloud\Presence\Facades\Presence;
use Demo\EventStream;
use Demo\User;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Route;
use Illuminate\Support\Facades\View;

Route::view('/', 'home')->name('home');

Route::get('/login', fn () => view('login'))->name('login');

Route::post('/login', function (Request $request) {
    $credentials = $request->only('id', 'password');
    abort_unless(Auth::attempt($credentials), 422, 'These credentials do not match our records.');
    $request->session()->regenerate();

    return redirect()->route('home');
});

Route::post('/logout', function (Request $request) {
    Auth::logout();
    $request->session()->invalidate();
    $request->session()->regenerateToken();

    return redirect()->route('login');
})->middleware('auth');

// For pages that poll instead of listening to broadcasts.
Route::get('/presence/status/{id}', fn (int $id) => response()->json(Presence::status(User::find($id)->id)))
    ->middleware('auth')->name('presence.status');

// Broadcasts as Server-Sent Events, because the demo has no WebSocket server.
Route::get('/events', EventStream::class)->middleware('auth');

// The package's examples. `order` sorts the users, as a Livewire component may.
Route::get('/examples/{name}', function (Request $request, string $name) {
    View::addNamespace('examples', base_path('../examples'));
    $users = User::NAMES + [Auth::id() => Auth::user()->name];
    $users = $request->query('order') === 'down' ? array_reverse($users, true) : $users;

    return view('example', ['name' => $name, 'users' => $users]);
})->middleware('auth');

Route::get('/alpine.js', function () {
    $headers = ['Content-Type' => 'text/javascript', 'Cache-Control' => 'max-age=3600'];

    return response()->file(base_path('node_modules/alpinejs/dist/cdn.min.js'), $headers);
});

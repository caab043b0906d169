<?php

declare(strict_types=1);

use App\Http\Controllers\AlpineController;
use App\Http\Controllers\SessionController;
use App\Http\Controllers\StatusController;
use Demo\EventStream;
use Illuminate\Support\Facades\Route;

Route::view('/', 'home')->name('home');
Route::view('/login', 'login')->name('login');
Route::post('/login', [SessionController::class, 'store']);
Route::get('/alpine.js', AlpineController::class);

Route::middleware('auth')->group(function (): void {
    Route::post('/logout', [SessionController::class, 'destroy']);
    Route::get('/presence/status/{user}', StatusController::class);
    // Broadcasts as Server-Sent Events, because the demo has no WebSocket server.
    Route::get('/events', EventStream::class);
});

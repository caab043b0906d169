<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Support;

use Closure;
use Illuminate\Support\Facades\Auth;

/** The guard that presence calls belong to: that of the request or, within `as()`, a named one. */
final class CurrentGuard
{
    private ?string $name = null;

    /** @param string $default the guard of requests that select none, from config/auth.php */
    public function __construct(public readonly string $default)
    {
    }

    public function name(): string
    {
        return $this->name ?? (Auth::hasResolvedGuards() ? Auth::getDefaultDriver() : 'web');
    }

    /** Runs a call for a guard. Within the call it is the default guard as well, for the app's scope resolver. */
    public function as(string $guard, Closure $call): void
    {
        [$name, $driver] = [$this->name, Auth::getDefaultDriver()];
        $this->name = $guard;
        Auth::setDefaultDriver($guard);
        try {
            $call();
        } finally {
            $this->name = $name;
            Auth::setDefaultDriver($driver);
        }
    }
}

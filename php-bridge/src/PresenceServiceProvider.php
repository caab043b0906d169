<?php

declare(strict_types=1);

namespace AesirCloud\Presence;

use AesirCloud\Presence\Console\CatchUpCommand;
use AesirCloud\Presence\Console\DoctorCommand;
use AesirCloud\Presence\Console\InstallCommand;
use AesirCloud\Presence\Console\ProbeCommand;
use AesirCloud\Presence\Console\ServeCommand;
use AesirCloud\Presence\Console\SidecarCommand;
use AesirCloud\Presence\Contracts\PresenceRepository;
use AesirCloud\Presence\Drivers\CachePresenceRepository;
use AesirCloud\Presence\Drivers\SidecarPresenceRepository;
use AesirCloud\Presence\Events\EventDispatcher;
use AesirCloud\Presence\Install\Releases;
use AesirCloud\Presence\Listeners\LoginMarkedOnline;
use AesirCloud\Presence\Listeners\LogoutMarkedOffline;
use AesirCloud\Presence\Sidecar\Binary;
use AesirCloud\Presence\Sidecar\BrowserSession;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\Endpoint;
use AesirCloud\Presence\Sidecar\FailurePolicy;
use AesirCloud\Presence\Sidecar\UserTokens;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Support\Configuration;
use AesirCloud\Presence\Support\CurrentGuard;
use AesirCloud\Presence\View\HeartbeatScript;
use AesirCloud\Presence\View\LiveScript;
use AesirCloud\Presence\Webhooks\Broadcaster;
use AesirCloud\Presence\Webhooks\Ping;
use AesirCloud\Presence\Webhooks\Signature;
use AesirCloud\Presence\Webhooks\WebhookHandler;
use Illuminate\Auth\Events\CurrentDeviceLogout;
use Illuminate\Auth\Events\Login;
use Illuminate\Auth\Events\Logout;
use Illuminate\Contracts\Container\Container;
use Illuminate\Contracts\Foundation\CachesConfiguration;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\ServiceProvider;
use Illuminate\View\Compilers\BladeCompiler;
use Illuminate\View\Factory;
use LogicException;

/** Registers presence with the app. */
final class PresenceServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->mergeConfiguration();
        $this->bindCache();
        $this->bindGuard();
        $this->bindSidecar();
        $this->bindPresence();
        $this->bindWebhooks();
        $this->bindMessages();
    }

    public function boot(): void
    {
        $this->loadRoutesFrom(__DIR__ . '/../routes/presence.php');
        $this->registerListeners();
        $this->registerViews();
        $this->registerCommands();
        $this->registerPublishing();
    }

    private function mergeConfiguration(): void
    {
        if ($this->app instanceof CachesConfiguration && $this->app->configurationIsCached()) {
            return;
        }
        $config = $this->app->make('config');
        $defaults = require __DIR__ . '/../config/presence.php';
        $config->set('presence', Configuration::mergeDefaults($config->get('presence', []), $defaults));
    }

    private function bindCache(): void
    {
        $this->app->singleton(CacheStore::class, fn (Container $app): CacheStore
            => new CacheStore($app->make('cache'), $this->setting('cache.store') ?: null));
    }

    /** Reads the default guard at the start: within a request the middleware `auth` changes it. */
    private function bindGuard(): void
    {
        $default = (string) $this->app->make('config')->get('auth.defaults.guard', 'web');
        $this->app->singleton(CurrentGuard::class, fn (): CurrentGuard => new CurrentGuard($default));
    }

    private function bindSidecar(): void
    {
        $this->app->singleton(Client::class, fn (): Client => new Client($this->endpoint() ?? throw new LogicException(
            'No sidecar is configured: set PRESENCE_SIDECAR_URL or PRESENCE_SIDECAR_SOCKET, and PRESENCE_TOKEN.'
        )));
        $this->app->singleton(FailurePolicy::class, fn (Container $app): FailurePolicy => new FailurePolicy(
            $app->make(CacheStore::class),
            $this->setting('sidecar.on_failure'),
            (bool) $this->setting('sidecar.fallback')
        ));
        $this->app->bind(Binary::class, fn (): Binary => new Binary(
            $this->setting('sidecar.binary') ?: null,
            storage_path('presence-sidecar/presence-sidecar')
        ));
        $this->app->bind(Releases::class, fn (): Releases => new Releases(__DIR__ . '/../resources/releases.json'));
        $this->app->bind(UserTokens::class, fn (Container $app): UserTokens => new UserTokens(
            Endpoint::firstToken($this->setting('sidecar.user_tokens.secret') ?: $this->setting('sidecar.token')),
            (int) $this->setting('sidecar.user_tokens.ttl_seconds'),
            $app->make(BrowserSession::class)
        ));
    }

    private function bindPresence(): void
    {
        $this->app->bind(EventDispatcher::class, fn (): EventDispatcher
            => new EventDispatcher($this->endpoint() === null || ! $this->setting('webhook.receiver.path')));
        $this->app->bind(CachePresenceRepository::class, fn (Container $app): CachePresenceRepository
            => new CachePresenceRepository(
                $app->make(CacheStore::class),
                $app->make(EventDispatcher::class),
                (int) $this->setting('cache.ttl_seconds'),
                (int) $this->setting('cache.away_after_seconds')
            ));
        $this->app->bind(PresenceRepository::class, fn (Container $app): PresenceRepository
            => $app->make($this->endpoint() ? SidecarPresenceRepository::class : CachePresenceRepository::class));
        $this->app->singleton(PresenceManager::class);
    }

    private function bindWebhooks(): void
    {
        $this->app->bind(Signature::class, fn (): Signature => new Signature(
            [$this->setting('webhook.secret'), ...$this->setting('webhook.previous_secrets')],
            $this->setting('webhook.signature_header'),
            $this->setting('webhook.algo'),
            (int) $this->setting('webhook.receiver.tolerance_seconds')
        ));
        $this->app->bind(Ping::class, fn (): Ping => new Ping(
            (string) $this->setting('webhook.secret'),
            $this->setting('webhook.signature_header'),
            $this->setting('webhook.algo')
        ));
        $this->app->bind(Broadcaster::class, fn (): Broadcaster => new Broadcaster(
            array_values(array_filter((array) $this->setting('broadcast.channels.public'))),
            $this->setting('broadcast.channels.user') ?: null,
            (int) $this->setting('broadcast.max_bytes')
        ));
        $this->app->bind(WebhookHandler::class, fn (Container $app): WebhookHandler => new WebhookHandler(
            $app->make(CacheStore::class),
            $this->setting('webhook.receiver.broadcast') ? $app->make(Broadcaster::class) : null
        ));
    }

    private function bindMessages(): void
    {
        $this->app->bind(Messages::class, fn (Container $app): Messages => new Messages(
            $app->make(Client::class),
            Endpoint::firstToken($this->setting('sidecar.admin_token')),
            Endpoint::firstToken($this->setting('sidecar.operator_token'))
        ));
    }

    private function registerListeners(): void
    {
        Event::listen(Login::class, LoginMarkedOnline::class);
        Event::listen([Logout::class, CurrentDeviceLogout::class], LogoutMarkedOffline::class);
    }

    /** Adds the package's views after the app's own, so that the app's component of the same name takes precedence. */
    private function registerViews(): void
    {
        $this->callAfterResolving('view', fn (Factory $view) => $view->addLocation(__DIR__ . '/../resources/views'));
        $this->callAfterResolving('blade.compiler', fn (BladeCompiler $blade) => $blade->directive(
            'presenceHeartbeat',
            fn (string $options): string
                => '<?php echo app(\\' . HeartbeatScript::class . "::class)->render({$options}); ?>"
        ));
        $this->callAfterResolving('blade.compiler', fn (BladeCompiler $blade) => $blade->directive(
            'presenceLive',
            fn (string $options): string
                => '<?php echo app(\\' . LiveScript::class . "::class)->render({$options}); ?>"
        ));
    }

    private function registerCommands(): void
    {
        $this->commands([
            CatchUpCommand::class, DoctorCommand::class, InstallCommand::class, ProbeCommand::class,
            ServeCommand::class, SidecarCommand::class,
        ]);
    }

    private function registerPublishing(): void
    {
        $this->publishes([__DIR__ . '/../config/presence.php' => config_path('presence.php')], 'presence-config');
        $this->publishes([__DIR__ . '/../resources/views' => resource_path('views')], 'presence-views');
        $this->publishes([__DIR__ . '/../public' => public_path('vendor/presence')], 'presence-assets');
    }

    private function endpoint(): ?Endpoint
    {
        return Endpoint::fromConfig($this->setting('sidecar'));
    }

    private function setting(string $key): mixed
    {
        return $this->app->make('config')->get("presence.{$key}");
    }
}

<?php

/*
 * A minimal Laravel app with two users and no database. It runs on Debian's Laravel, or on the framework that Composer
 * installed in this package's vendor folder.
 */

declare(strict_types=1);

require_once __DIR__ . '/../../tests/autoload.php';

use Demo\ConsoleKernel;
use Demo\HttpKernel;
use Illuminate\Contracts\Console\Kernel as ConsoleContract;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Contracts\Http\Kernel as HttpContract;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;

// All files that the app writes.
$storage = getenv('DEMO_STORAGE') ?: sys_get_temp_dir() . '/presence-demo';
foreach (['framework/views', 'framework/sessions', 'logs', 'cache'] as $folder) {
    is_dir("{$storage}/{$folder}") || mkdir("{$storage}/{$folder}", 0700, true);
}
foreach (['SERVICES', 'PACKAGES', 'CONFIG', 'ROUTES', 'EVENTS'] as $cache) {
    $_ENV["APP_{$cache}_CACHE"] = $storage . '/cache/' . strtolower($cache) . '.php';
}

$app = new Application(dirname(__DIR__));
$app->useStoragePath($storage);
$app->singleton(HttpContract::class, HttpKernel::class);
$app->singleton(ConsoleContract::class, ConsoleKernel::class);
$app->singleton(ExceptionHandler::class, Handler::class);

return $app;

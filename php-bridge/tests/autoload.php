<?php

/* Laravel as Composer installed it beside this package, or else Debian's; the classes of package, demo and tests. */

declare(strict_types=1);

error_reporting(E_ALL & ~E_DEPRECATED); // While Laravel is loaded: Debian's 8.83 and 10 are older than its PHP.

$composer = __DIR__ . '/../vendor/autoload.php';
require_once is_file($composer) ? $composer : '/usr/share/php/Illuminate/autoload.php';

spl_autoload_register(function (string $class): void {
    $folders = [
        'AesirCloud\\Presence\\Tests\\' => __DIR__ . '/',
        'AesirCloud\\Presence\\' => __DIR__ . '/../src/',
        'Demo\\' => __DIR__ . '/../demo/app/',
    ];
    foreach ($folders as $namespace => $folder) {
        if (str_starts_with($class, $namespace)) {
            $file = $folder . strtr(substr($class, strlen($namespace)), '\\', '/') . '.php';
            is_file($file) && require $file;

            return;
        }
    }
});

require_once __DIR__ . '/Support/functions.php';

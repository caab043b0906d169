<?php

declare(strict_types=1);

use Illuminate\Http\Request;

define('LARAVEL_START', microtime(true));

require __DIR__ . '/../vendor/autoload.php';

error_log(" {$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']}");

(require_once __DIR__ . '/../bootstrap/app.php')->handleRequest(Request::capture());

<?php

// Runs the PHP receiver of php-bridge/README.md in a real Laravel: php -S 127.0.0.1:PORT receiver.php
//
// Appends one line of JSON per request to the file PRESENCE_RECEIVED: the accepted payload, or the status of the error.

declare(strict_types=1);

use Illuminate\Config\Repository;
use Illuminate\Contracts\Routing\ResponseFactory;
use Illuminate\Foundation\Application;
use Illuminate\Http\Request;
use Illuminate\Http\Response;
use Illuminate\Support\Facades\Facade;
use Symfony\Component\HttpKernel\Exception\HttpExceptionInterface;

error_reporting(E_ALL & ~E_DEPRECATED);
require '/usr/share/php/Illuminate/autoload.php';

$app = new Application(sys_get_temp_dir());
Facade::setFacadeApplication($app);
$app->instance('config', new Repository(['presence' => ['webhook' => ['secret' => getenv('PRESENCE_WEBHOOK_SECRET')]]]));
$app->bind(ResponseFactory::class, fn () => new class {
    public function noContent(): Response
    {
        return new Response('', 204);
    }
});

$log = static fn (array $entry) => file_put_contents(getenv('PRESENCE_RECEIVED'), json_encode($entry)."\n", FILE_APPEND);
$app['events']->listen('presence', static fn (array $payload) => $log($payload));

preg_match('/<!-- receiver -->\s*```php\n(.*?)```/s', file_get_contents(dirname(__DIR__, 2).'/php-bridge/README.md'), $matches);
eval($matches[1]);

$request = Request::capture();
$app->instance('request', $request);
try {
    $app['router']->dispatch($request)->send();
} catch (HttpExceptionInterface $exception) {
    http_response_code($exception->getStatusCode());
    $log(['refused' => $exception->getStatusCode()]);
}

<?php

// Runs the PHP receiver of README.md in a real Laravel: php -S 127.0.0.1:PORT receiver.php
//
// PRESENCE_RECEIVED is a file that gets a line of JSON for each post it was called for: the payload it took, or the
// status it answered with.

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

$note = static fn (array $what) => file_put_contents(getenv('PRESENCE_RECEIVED'), json_encode($what)."\n", FILE_APPEND);
$app['events']->listen('presence', static fn (array $payload) => $note($payload));

preg_match('/<!-- receiver -->\s*```php\n(.*?)```/s', file_get_contents(dirname(__DIR__, 2).'/README.md'), $found);
eval($found[1]);

$request = Request::capture();
$app->instance('request', $request);
try {
    $app['router']->dispatch($request)->send();
} catch (HttpExceptionInterface $refused) {
    http_response_code($refused->getStatusCode());
    $note(['refused' => $refused->getStatusCode()]);
}

<?php

/*
 * The demo app in one process that serves all requests: the app is booted once, and each request gets a copy of the
 * container in which what belongs to a request is replaced, as Laravel Octane does. Services that Octane resolves in
 * advance ("warm") are shared by all requests; so is the connection to the sidecar.
 *
 *   php worker_server.php PORT CONFIGURATION      CONFIGURATION: JSON, overrides of the app's configuration files
 */

declare(strict_types=1);

use AesirCloud\Presence\Sidecar\Client;
use Illuminate\Container\Container;
use Illuminate\Contracts\Http\Kernel;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Bootstrap\LoadConfiguration;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Facade;
use Symfony\Component\HttpFoundation\Response;

// Octane's default list, without what the demo does not have, and the package's client.
const WARM = [
    'auth', 'cache', 'cache.store', 'config', 'cookie', 'encrypter', 'files', 'hash', 'log', 'router', 'session',
    'session.store', 'translator', 'url', 'view', Client::class,
];

function bootedApp(array $overrides): Application
{
    $app = require __DIR__ . '/../../demo/bootstrap/app.php';
    $app->afterBootstrapping(LoadConfiguration::class, fn () => $app->make('config')->set($overrides));
    $app->instance('request', Request::create('http://localhost'));
    $app->make(Kernel::class)->bootstrap();
    array_map([$app, 'make'], WARM);

    return $app;
}

/** Makes this container the current one, everywhere. */
function useApp(Application $app): void
{
    Container::setInstance($app);
    Facade::clearResolvedInstances();
    Facade::setFacadeApplication($app);
}

/** A copy of the app for one request. */
function sandbox(Application $base, Request $request): Application
{
    $app = clone $base;
    $app->instance('app', $app);
    $app->instance(Container::class, $app);
    $app->instance('config', clone $base->make('config'));
    useApp($app);
    $app->make('auth')->setApplication($app);
    $app->make('auth')->forgetGuards();
    $app->forgetInstance('auth.driver');
    $app->make('session')->driver()->flush();
    $app->make('session')->driver()->regenerate();
    $app->make('cookie')->flushQueuedCookies();
    $app->make('router')->setContainer($app);
    $app->make('view')->setContainer($app);
    $app->instance('request', $request);
    $app->make('url')->setRequest($request);

    return $app;
}

function serve(Application $base, Request $request): Response
{
    $app = sandbox($base, $request);
    $kernel = $app->make(Kernel::class)->setApplication($app);
    $response = $kernel->handle($request);
    $kernel->terminate($request, $response);
    $app->flush();
    useApp($base);

    return $response;
}

/** Reads a request that one call of a test sends on a connection of its own; null if the connection is only opened. */
function receive($stream): ?Request
{
    $head = '';
    while (! str_contains($head, "\r\n\r\n") && ($part = fread($stream, 8192)) !== false && $part !== '') {
        $head .= $part;
    }
    if ($head === '') {
        return null;
    }
    [$head, $body] = explode("\r\n\r\n", $head, 2) + [1 => ''];
    [$first, $lines] = explode("\r\n", $head, 2) + [1 => ''];
    [$method, $target] = explode(' ', $first);
    preg_match_all('/^([^:\r\n]+): ([^\r\n]*)/m', $lines, $matches);
    $headers = array_combine(array_map('strtolower', $matches[1]), $matches[2]);
    while (strlen($body) < (int) ($headers['content-length'] ?? 0)) {
        $body .= fread($stream, 8192);
    }
    $server = ['REMOTE_ADDR' => '127.0.0.1'];
    foreach ($headers as $name => $value) {
        $server['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;
    }
    parse_str($body, $form);
    parse_str(strtr($headers['cookie'] ?? '', ['; ' => '&', '+' => '%2B']), $cookies);

    return Request::create("http://{$headers['host']}{$target}", $method, $form, $cookies, [], $server, $body);
}

$app = bootedApp(json_decode($argv[2], true, flags: JSON_THROW_ON_ERROR));
$listener = stream_socket_server("tcp://127.0.0.1:{$argv[1]}") ?: exit(1);
while ($stream = stream_socket_accept($listener, -1)) {
    try {
        $request = receive($stream);
        $response = $request === null ? new Response() : serve($app, $request);
        $response->headers->set('Connection', 'close');
        $response->headers->set('Content-Length', (string) strlen((string) $response->getContent()));
        fwrite($stream, $response->setProtocolVersion('1.1')->__toString());
    } catch (Throwable $error) {
        fwrite(STDERR, "{$error}\n");
    }
    fclose($stream);
}

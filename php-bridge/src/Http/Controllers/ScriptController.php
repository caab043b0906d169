<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use Illuminate\Http\Request;
use Illuminate\Http\Response;

/** Serves the module presence.js. An address with its version can be cached for ever. */
final class ScriptController
{
    private const FILE = __DIR__ . '/../../../public/presence.js';

    /** Returns a text that changes with the module. */
    public static function version(): string
    {
        return substr((string) sha1_file(self::FILE), 0, 12);
    }

    public function __invoke(Request $request): Response
    {
        $version = self::version();
        $isForEver = $request->query('v') === $version;
        $response = new Response((string) file_get_contents(self::FILE), 200, [
            'Content-Type' => 'text/javascript; charset=utf-8',
            'Cache-Control' => $isForEver ? 'public, max-age=31536000, immutable' : 'public, no-cache',
            'X-Content-Type-Options' => 'nosniff',
        ]);
        $response->setEtag($version);
        $response->isNotModified($request);

        return $response;
    }
}

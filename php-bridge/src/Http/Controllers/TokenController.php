<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** Returns a new token for a page that calls the sidecar. */
final class TokenController
{
    public function __invoke(Request $request, UserTokens $tokens): JsonResponse
    {
        $user = $request->user() ?? abort(401);
        $body = ['token' => Presence::token($user), 'ttl' => $tokens->ttlSeconds];

        return response()->json($body)->header('Cache-Control', 'no-store');
    }
}

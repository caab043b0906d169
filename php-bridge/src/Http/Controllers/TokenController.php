<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\UserTokens;
use AesirCloud\Presence\Sidecar\WatchedUsers;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** Returns a new token for a page that calls the sidecar. */
final class TokenController
{
    public function __invoke(Request $request, UserTokens $tokens, WatchedUsers $watched): JsonResponse
    {
        $user = $request->user() ?? abort(401);
        $token = Presence::token($user, watch: $watched->of($user));
        $body = ['token' => $token, 'ttl' => $tokens->ttlSeconds];

        return response()->json($body)->header('Cache-Control', 'no-store');
    }
}

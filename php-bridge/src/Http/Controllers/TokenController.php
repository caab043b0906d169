<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Http\JsonResponse;
use Illuminate\Http\Request;

/** A fresh token for a page that talks to the sidecar. */
final class TokenController
{
    public function __invoke(Request $request, UserTokens $tokens): JsonResponse
    {
        $user = $request->user() ?? abort(401);
        $fresh = ['token' => Presence::token($user), 'ttl' => $tokens->ttlSeconds];

        return response()->json($fresh)->header('Cache-Control', 'no-store');
    }
}

<?php

declare(strict_types=1);

namespace App\Http\Controllers;

use AesirCloud\Presence\Facades\Presence;
use App\Models\User;
use Illuminate\Http\JsonResponse;

/** The presence of a user, for pages that poll. */
final class StatusController
{
    public function __invoke(User $user): JsonResponse
    {
        return response()->json(Presence::status($user->id));
    }
}

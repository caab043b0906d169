<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Webhooks\Change;
use AesirCloud\Presence\Webhooks\Inbox;
use AesirCloud\Presence\Webhooks\Signature;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

/** Receives the sidecar's webhooks. */
final class WebhookController
{
    public function __invoke(Request $request, Signature $signature, Inbox $inbox): Response
    {
        abort_unless($signature->proves($request), 401, 'Invalid signature');
        $told = json_decode($request->getContent(), true);
        $change = Change::of($told);
        $isPing = ($told['event'] ?? null) === 'ping';
        abort_if($change === null && ! $isPing, 422, 'No presence change');
        if (! $isPing) {
            $inbox->take($change, isset($told['id']) ? (string) $told['id'] : null);
        }

        return response()->noContent();
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Http\Controllers;

use AesirCloud\Presence\Webhooks\Change;
use AesirCloud\Presence\Webhooks\Signature;
use AesirCloud\Presence\Webhooks\WebhookHandler;
use Illuminate\Http\Request;
use Illuminate\Http\Response;

/** Receives the sidecar's webhooks. */
final class WebhookController
{
    public function __invoke(Request $request, Signature $signature, WebhookHandler $webhooks): Response
    {
        abort_unless($signature->verify($request), 401, 'Invalid signature');
        $payload = json_decode($request->getContent(), true);
        $change = Change::fromPayload($payload);
        $isPing = ($payload['event'] ?? null) === 'ping';
        abort_if($change === null && ! $isPing, 422, 'Not a presence change');
        if (! $isPing) {
            $id = isset($payload['id']) ? (string) $payload['id'] : null;
            $webhooks->handle($change, $id, $request->headers->get('X-Presence-Broadcast'));
        }

        return response()->noContent();
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\SidecarConfig;
use AesirCloud\Presence\Webhooks\Ping;
use AesirCloud\Presence\Webhooks\Signature;
use Illuminate\Contracts\Config\Repository;

/** Checks that the package's webhook receiver has a secret, and accepts a ping at the URL that the sidecar posts to. */
final class ReceiverCheck
{
    public function __construct(
        private readonly Repository $config,
        private readonly SidecarConfig $sidecar,
        private readonly Ping $ping
    ) {
    }

    /** @return iterable<Finding> nothing without a receiver of the package: an app's own may not know pings */
    public function run(): iterable
    {
        if (! $this->config->get('presence.webhook.receiver.path')) {
            return;
        }
        $secret = (string) $this->config->get('presence.webhook.secret');
        if (in_array($secret, ['', Signature::EXAMPLE_SECRET], true)) {
            $message = $secret === '' ? 'no secret' : 'the secret is the published example';
            $fix = 'set the same PRESENCE_WEBHOOK_SECRET for app and sidecar; until then all webhooks are rejected';
            yield Finding::mismatch('webhooks', $message, $fix);

            return;
        }
        $url = (string) $this->sidecar->webhookUrl();
        $problem = $this->ping->send($url);
        yield $problem === null
            ? Finding::ok('webhooks', "the receiver accepts a ping at {$url}")
            : Finding::mismatch(
                'webhooks',
                "no receiver accepts a ping at {$url}: {$problem}",
                'start the app, or set PRESENCE_WEBHOOK_URL or APP_URL to the address at which the sidecar reaches it'
            );
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Doctor;

use AesirCloud\Presence\Sidecar\AppFacts;
use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\Compatibility;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Sidecar\UserTokens;
use Illuminate\Auth\GenericUser;

/**
 * What this app can see of itself and of the sidecar: its own settings, and whether the sidecar answers, reads the
 * app's records and applies its times. All calls to the sidecar are reads: they cause no transition and no webhook.
 * Which setting is wrong, if the sidecar does not read the records, is for `presence-sidecar doctor` to judge.
 */
final class Diagnostics
{
    public function __construct(
        private readonly AppFacts $facts,
        private readonly Compatibility $compatibility,
        private readonly ReceiverCheck $receiver,
        private readonly Client $client,
        private readonly RecordChecks $records
    ) {
    }

    /** @return iterable<Finding> */
    public function run(UserTokens $tokens): iterable
    {
        foreach ($this->facts->all() as $subject => $fact) {
            yield Finding::fact($subject, $fact);
        }
        foreach ($this->compatibility->refusals() as $refusal) {
            yield Finding::mismatch('settings', $refusal);
        }
        foreach ($this->compatibility->warnings() as $warning) {
            yield Finding::warning('settings', $warning);
        }
        yield from $this->receiver->run();
        try {
            yield $this->checkConnection();
            yield $this->checkUserTokens($tokens);
        } catch (SidecarException $exception) {
            yield $this->connectionFailed($exception);

            return;
        }
        yield from $this->records->run();
    }

    private function checkConnection(): Finding
    {
        $this->client->get('/api/v1/presence/counts', Probe::SCOPE);

        return Finding::ok('sidecar', "{$this->client->endpoint->describe()} is reachable and accepts the token");
    }

    private function connectionFailed(SidecarException $exception): Finding
    {
        return Finding::mismatch('sidecar', $exception->getMessage(), match ($exception->status) {
            null => 'start the sidecar, or correct PRESENCE_SIDECAR_URL or PRESENCE_SIDECAR_SOCKET',
            401, 403 => 'set the same PRESENCE_TOKEN for app and sidecar',
            503 => 'the sidecar cannot reach its store: check its log',
            default => 'check that a presence-sidecar listens at this address',
        });
    }

    private function checkUserTokens(UserTokens $tokens): Finding
    {
        $token = $tokens->mint(new GenericUser(['id' => 'probe']));
        try {
            $this->client->get('/api/v1/presence/status/probe', [], ['Authorization' => "Bearer {$token}"]);
        } catch (SidecarException $exception) {
            if ($exception->status !== 401) {
                throw $exception;
            }

            return Finding::mismatch(
                'user tokens',
                'the sidecar rejects them: a different secret, or a large clock difference',
                'set the same PRESENCE_USER_TOKEN_SECRET for app and sidecar, or for neither'
            );
        }

        return Finding::ok('user tokens', 'accepted');
    }
}

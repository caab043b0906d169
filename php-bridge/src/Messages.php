<?php

declare(strict_types=1);

namespace AesirCloud\Presence;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\SidecarException;

/** The sidecar's messaging API for the app's back end. The class behind the facade Messages. */
final class Messages
{
    public function __construct(
        private readonly Client $client,
        private readonly string $adminToken,
        private readonly string $operatorToken
    ) {
    }

    /**
     * Sends an encrypted message to clients. Failures are always thrown, so that no message is lost silently.
     *
     * @param string|list<string> $clientIds
     * @param array<string, mixed> $payload not empty
     * @return int number of queued messages
     * @throws SidecarException
     */
    public function publish(string|array $clientIds, string $type, array $payload): int
    {
        $body = ['to_client_ids' => array_values((array) $clientIds), 'type' => $type, 'payload' => $payload];
        $response = $this->client->post('/api/v1/messages/publish', $body, ['X-Admin-Token' => $this->adminToken]);

        return (int) $response['queued'];
    }

    /**
     * Returns all registered clients, each with id, name, created_at, last_seen_at and status.
     *
     * @return list<array<string, mixed>>
     * @throws SidecarException
     */
    public function clients(): array
    {
        $response = $this->client->get('/api/v1/operators/clients', [], ['X-Operator-Token' => $this->operatorToken]);

        return $response['clients'];
    }
}

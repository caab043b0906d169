<?php

declare(strict_types=1);

namespace AesirCloud\Presence;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\SidecarException;

/** What the facade Messages stands for: the sidecar's messaging API, as far as an app's back end needs it. */
final class Messages
{
    public function __construct(
        private readonly Client $client,
        private readonly string $adminToken,
        private readonly string $operatorToken
    ) {
    }

    /**
     * Sends an encrypted message to clients. A failure is thrown: a message that is lost in silence helps nobody.
     *
     * @param string|list<string> $clientIds
     * @param array<string, mixed> $payload not empty
     * @return int how many messages were queued
     * @throws SidecarException
     */
    public function publish(string|array $clientIds, string $type, array $payload): int
    {
        $body = ['to_client_ids' => array_values((array) $clientIds), 'type' => $type, 'payload' => $payload];
        $answer = $this->client->post('/api/v1/messages/publish', $body, ['X-Admin-Token' => $this->adminToken]);

        return (int) $answer['queued'];
    }

    /**
     * All registered clients: id, name, created_at, last_seen_at and status of each.
     *
     * @return list<array<string, mixed>>
     * @throws SidecarException
     */
    public function clients(): array
    {
        $answer = $this->client->get('/api/v1/operators/clients', [], ['X-Operator-Token' => $this->operatorToken]);

        return $answer['clients'];
    }
}

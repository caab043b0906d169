<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use RuntimeException;

/** A call to the sidecar failed. */
final class SidecarException extends RuntimeException
{
    /**
     * @param int|null $status HTTP status of the response; null if there was no response
     * @param array<mixed> $body decoded body of the response
     */
    private function __construct(
        string $message,
        public readonly ?int $status = null,
        public readonly array $body = []
    ) {
        parent::__construct($message);
    }

    /** The connection failed, or the response did not arrive in time. */
    public static function unreachable(Endpoint $endpoint, string $reason): self
    {
        return new self("The presence sidecar at {$endpoint->describe()} does not answer: {$reason}");
    }

    /** The response is an error, or not JSON. */
    public static function unexpectedResponse(Endpoint $endpoint, string $call, int $status, mixed $body): self
    {
        $body = is_array($body) ? $body : [];
        $message = "The presence sidecar at {$endpoint->describe()} responded to {$call} with {$status}: ";
        $message .= $body['message'] ?? 'not a response of presence-sidecar';
        foreach ($body['errors'] ?? [] as $field => $sentences) {
            $message .= " {$field}: " . implode(' ', $sentences);
        }

        return new self($message, $status, $body);
    }

    /** Returns whether the sidecar is unavailable, as opposed to the request being invalid. */
    public function isOutage(): bool
    {
        return $this->status === null || $this->status >= 500;
    }
}

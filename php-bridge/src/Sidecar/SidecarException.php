<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use RuntimeException;

/** A call to the sidecar that did not give what was asked for. */
final class SidecarException extends RuntimeException
{
    /**
     * @param int|null $status of its answer; null if there was none
     * @param array<mixed> $body of its answer
     */
    private function __construct(
        string $message,
        public readonly ?int $status = null,
        public readonly array $body = []
    ) {
        parent::__construct($message);
    }

    /** Nobody answered, or not in time. */
    public static function unreachable(Endpoint $endpoint, string $reason): self
    {
        return new self("The presence sidecar at {$endpoint->describe()} does not answer: {$reason}");
    }

    /** The answer is an error, or not one of a sidecar's. */
    public static function refused(Endpoint $endpoint, string $call, int $status, mixed $body): self
    {
        $body = is_array($body) ? $body : [];
        $message = "The presence sidecar at {$endpoint->describe()} answered {$call} with {$status}: ";
        $message .= $body['message'] ?? 'that is no answer of a sidecar';
        foreach ($body['errors'] ?? [] as $field => $sentences) {
            $message .= " {$field}: " . implode(' ', $sentences);
        }

        return new self($message, $status, $body);
    }

    /** Whether it is the sidecar that is in trouble, and not the call that was wrong. */
    public function isOutage(): bool
    {
        return $this->status === null || $this->status >= 500;
    }
}

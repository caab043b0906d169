<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

/** The "ssl" options of PHP's stream context with which an app connects to Redis. */
final class RedisTls
{
    /** The keys of the sidecar for the files, by PHP's names. */
    private const FILES = ['cafile' => 'ssl_ca', 'local_cert' => 'ssl_cert', 'local_pk' => 'ssl_key'];

    /** @var list<array<string, mixed>> the options of each node */
    private readonly array $ofNodes;

    /** @var array<string, mixed> */
    private readonly array $all;

    /**
     * Takes the sections that may have the options, first come those that win: of the connection, and of the nodes in
     * its list, which may be Sentinels.
     *
     * @param list<array<string, mixed>> $connection
     * @param list<array<string, mixed>> $nodes
     */
    public function __construct(array $connection, array $nodes)
    {
        $this->ofNodes = array_map(fn (array $node): array => self::merged([$node]), $nodes);
        $this->all = self::merged(array_merge($connection, $nodes));
    }

    /**
     * Returns the keys of the sidecar with the files.
     *
     * @return array<string, mixed>
     */
    public function files(): array
    {
        return array_map(fn (string $name): mixed => $this->all[$name] ?? null, array_flip(self::FILES));
    }

    /**
     * Returns the names of options that a sidecar does not have.
     *
     * @return list<string>
     */
    public function unknown(): array
    {
        return array_keys(array_intersect_key($this->all, array_flip(['capath', 'passphrase'])));
    }

    /** Returns whether a node has other files than the connection or another node: a sidecar has one set. */
    public function hasTwoSets(): bool
    {
        $files = fn (array $options): array => array_intersect_key($options, self::FILES);
        $differs = fn (array $node): bool => $files($node) !== [] && $files($node) != $files($this->all);

        return array_filter($this->ofNodes, $differs) !== [];
    }

    /** Returns whether the certificates of all servers are verified, as a sidecar always does. */
    public function isVerified(): bool
    {
        $isOff = fn (array $options): bool => ! ($options['verify_peer'] ?? true);

        return array_filter([$this->all, ...$this->ofNodes], $isOff) === [];
    }

    /**
     * @param list<array<string, mixed>> $sections
     * @return array<string, mixed>
     */
    private static function merged(array $sections): array
    {
        $options = [];
        foreach ($sections as $section) {
            $context = (array) ($section['context'] ?? $section['ssl'] ?? []);
            $options += (array) ($context['ssl'] ?? $context['stream'] ?? $context);
        }

        return $options;
    }
}

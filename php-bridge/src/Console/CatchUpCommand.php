<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Support\CacheStore;
use AesirCloud\Presence\Webhooks\Change;
use AesirCloud\Presence\Webhooks\WebhookHandler;
use Illuminate\Console\Command;

/** Reads the sidecar's change log from the last cursor and handles each change as if its webhook had arrived. */
final class CatchUpCommand extends Command
{
    private const CURSOR_KEY = 'presence:cursor';

    private const PAGE_SIZE = 500;

    protected $signature = 'presence:catch-up
        {--after= : Start after this cursor of the change log instead of the stored one}';

    protected $description = 'Dispatch presence events that were missed while webhooks could not be delivered';

    public function handle(Client $client, WebhookHandler $webhooks, CacheStore $cache): int
    {
        $cursor = $this->option('after') ?? $cache->repository()->get(self::CURSOR_KEY);
        $dispatched = 0;
        do {
            try {
                $page = $this->fetchPage($client, $cursor);
            } catch (SidecarException $exception) {
                $this->error($exception->getMessage());

                return self::FAILURE;
            }
            foreach ($page['data'] as $entry) {
                $change = Change::fromPayload($entry);
                $dispatched += (int) ($change !== null && $webhooks->handle($change));
            }
            $cursor = $page['next_cursor'];
            $cache->repository()->forever(self::CURSOR_KEY, $cursor);
        } while ($page['data'] !== []);
        $this->info("Missed events dispatched: {$dispatched}.");

        return self::SUCCESS;
    }

    /** Returns the page after the cursor, or the log's first page if the cursor has expired. */
    private function fetchPage(Client $client, ?string $cursor): array
    {
        try {
            return $client->get('/api/v1/presence/changes', ['after' => $cursor, 'limit' => self::PAGE_SIZE]);
        } catch (SidecarException $exception) {
            if ($exception->status !== 409 || $cursor === null) {
                throw $exception;
            }
            $this->warn('The cursor has expired: older changes are no longer in the change log and are lost.');

            return $this->fetchPage($client, null);
        }
    }
}

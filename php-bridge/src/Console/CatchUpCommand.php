<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Sidecar\Client;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Support\Store;
use AesirCloud\Presence\Webhooks\Change;
use AesirCloud\Presence\Webhooks\Inbox;
use Illuminate\Console\Command;

/** Reads what happened while the app could not be told, and passes it on as the webhooks would have. */
final class CatchUpCommand extends Command
{
    private const CURSOR = 'presence:cursor';

    private const PAGE = 500;

    protected $signature = 'presence:catch-up
        {--after= : A cursor of the change log to begin behind, in place of where the last run ended}';

    protected $description = 'Dispatch the presence events that were missed';

    public function handle(Client $client, Inbox $inbox, Store $store): int
    {
        $cursor = $this->option('after') ?? $store->open()->get(self::CURSOR);
        $news = 0;
        do {
            try {
                $page = $this->read($client, $cursor);
            } catch (SidecarException $failure) {
                $this->error($failure->getMessage());

                return self::FAILURE;
            }
            foreach ($page['data'] as $told) {
                $change = Change::of($told);
                $news += (int) ($change !== null && $inbox->take($change));
            }
            $cursor = $page['next_cursor'];
            $store->open()->forever(self::CURSOR, $cursor);
        } while ($page['data'] !== []);
        $this->info("{$news} missed.");

        return self::SUCCESS;
    }

    /** The page behind a cursor. If the log does not reach back to it any more, its first page. */
    private function read(Client $client, ?string $cursor): array
    {
        try {
            return $client->get('/api/v1/presence/changes', ['after' => $cursor, 'limit' => self::PAGE]);
        } catch (SidecarException $failure) {
            if ($failure->status !== 409 || $cursor === null) {
                throw $failure;
            }
            $this->warn('The change log does not reach back to the last run: what lies between is lost.');

            return $this->read($client, null);
        }
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Doctor\Diagnostics;
use Illuminate\Console\Command;
use Illuminate\Contracts\Container\Container;
use LogicException;

/** Checks that app and sidecar agree on keys, records, clock, timeouts and secrets, and prints a fix if they do not. */
final class DoctorCommand extends Command
{
    protected $signature = 'presence:doctor';

    protected $description = 'Check that the app and its sidecar are configured consistently';

    public function handle(Container $app): int
    {
        $problems = 0;
        try {
            foreach ($app->make(Diagnostics::class)->run() as $finding) {
                $problems += (int) ! $finding->isOk();
                $label = $finding->isOk() ? '<info>ok</info>  ' : '<error>FIX</error> ';
                $this->line("{$label} {$finding->subject}: {$finding->message}");
                if (! $finding->isOk()) {
                    $this->line("     {$finding->fix}");
                }
            }
        } catch (LogicException $exception) {
            $this->error($exception->getMessage());

            return self::FAILURE;
        }

        return $problems === 0 ? self::SUCCESS : self::FAILURE;
    }
}

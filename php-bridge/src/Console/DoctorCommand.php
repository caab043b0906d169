<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Console;

use AesirCloud\Presence\Doctor\Examination;
use Illuminate\Console\Command;
use Illuminate\Contracts\Container\Container;
use LogicException;

/** Says whether app and sidecar see the same keys, records, clock, windows and secrets, and what to do if not. */
final class DoctorCommand extends Command
{
    protected $signature = 'presence:doctor';

    protected $description = 'Prove that the app and its sidecar agree';

    public function handle(Container $app): int
    {
        $differences = 0;
        try {
            foreach ($app->make(Examination::class)->findings() as $finding) {
                $differences += (int) ! $finding->isFine();
                $mark = $finding->isFine() ? '<info>ok</info>  ' : '<error>FIX</error> ';
                $this->line("{$mark} {$finding->subject}: {$finding->what}");
                if (! $finding->isFine()) {
                    $this->line("     {$finding->fix}");
                }
            }
        } catch (LogicException $missing) {
            $this->error($missing->getMessage());

            return self::FAILURE;
        }

        return $differences === 0 ? self::SUCCESS : self::FAILURE;
    }
}

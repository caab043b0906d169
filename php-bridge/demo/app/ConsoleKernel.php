<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Foundation\Console\Kernel;

/** Runs the commands of the framework and of the package. */
final class ConsoleKernel extends Kernel
{
}

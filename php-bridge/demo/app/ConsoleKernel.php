<?php

declare(strict_types=1);

namespace Demo;

use Illuminate\Foundation\Console\Kernel;

/** The framework's commands and the package's. */
final class ConsoleKernel extends Kernel
{
}

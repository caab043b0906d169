<?php

declare(strict_types=1);

namespace App\Http\Controllers;

use Symfony\Component\HttpFoundation\BinaryFileResponse;

/** Alpine, which the demo has in node_modules; an app bundles it. */
final class AlpineController
{
    public function __invoke(): BinaryFileResponse
    {
        $headers = ['Content-Type' => 'text/javascript', 'Cache-Control' => 'max-age=3600'];

        return response()->file(base_path('node_modules/alpinejs/dist/cdn.min.js'), $headers);
    }
}

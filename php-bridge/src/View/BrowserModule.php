<?php

declare(strict_types=1);

namespace AesirCloud\Presence\View;

use AesirCloud\Presence\Http\Controllers\ScriptController;

/** The module presence.js: its address, and the element that connects a page. */
final class BrowserModule
{
    private const JSON_FLAGS = JSON_HEX_TAG | JSON_HEX_AMP | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR;

    /** Returns the address at which the app serves the module; it changes with the module. */
    public function address(): string
    {
        return route('presence.script', ['v' => ScriptController::version()], false);
    }

    /**
     * Returns a script element that connects the page.
     *
     * @param array<string, mixed> $settings options of connect()
     * @param array<string, mixed> $options "nonce" for the content security policy, "src" for another address of the
     *     module
     */
    public function element(array $settings, array $options): string
    {
        $source = json_encode($options['src'] ?? $this->address(), self::JSON_FLAGS);
        $nonce = isset($options['nonce']) ? ' nonce="' . e($options['nonce']) . '"' : '';
        $json = json_encode($settings, self::JSON_FLAGS);

        return "<script type=\"module\"{$nonce}>import {connect} from {$source}; connect({$json})</script>";
    }
}

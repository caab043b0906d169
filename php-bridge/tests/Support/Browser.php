<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

use RuntimeException;
use WeakReference;

/**
 * A headless Chromium, controlled over the WebDriver protocol (https://www.w3.org/TR/webdriver2/). It is started by the
 * driver at PRESENCE_CHROMEDRIVER, or else by one of its own.
 */
final class Browser
{
    private const ARGUMENTS = [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-proxy-server',
        '--window-size=900,700',
    ];

    private ?Process $driver = null;

    private readonly string $session;

    public function __construct()
    {
        $address = getenv('PRESENCE_CHROMEDRIVER') ?: $this->startDriver();
        $options = ['args' => self::ARGUMENTS];
        $logs = ['browser' => 'ALL'];
        $capabilities = ['browserName' => 'chrome', 'goog:chromeOptions' => $options, 'goog:loggingPrefs' => $logs];
        $address .= '/session';
        $response = $this->call('POST', $address, ['capabilities' => ['alwaysMatch' => $capabilities]]);
        $this->session = "{$address}/{$response['sessionId']}";
        // Weak, so that the browser closes at the end of its test.
        $browser = WeakReference::create($this);
        register_shutdown_function(fn () => $browser->get()?->close());
    }

    public function __destruct()
    {
        $this->close();
    }

    /** Returns whether this machine has a Chromium with its driver. */
    public static function isInstalled(): bool
    {
        return getenv('PRESENCE_CHROMEDRIVER') || exec('command -v chromedriver') !== '';
    }

    /** Returns the address of a driver that stops with this object. Its profiles are in a temporary folder. */
    private function startDriver(): string
    {
        $folder = Process::folder();
        $port = Process::freePort();
        $this->driver = new Process(['chromedriver', "--port={$port}"], $folder, ['TMPDIR' => $folder]);
        $this->driver->await(fn (): bool => Process::isListening($port));

        return "http://127.0.0.1:{$port}";
    }

    /** Opens a page in the current tab. */
    public function open(string $url): void
    {
        $this->call('POST', "{$this->session}/url", ['url' => $url]);
    }

    /** Runs a function body in the page and returns its result. */
    public function evaluate(string $script): mixed
    {
        return $this->call('POST', "{$this->session}/execute/sync", ['script' => $script, 'args' => []]);
    }

    /** Opens a new tab and switches to it. */
    public function newTab(): string
    {
        $tab = $this->call('POST', "{$this->session}/window/new", ['type' => 'tab'])['handle'];
        $this->switchTo($tab);

        return $tab;
    }

    /** Returns the handle of the current tab. */
    public function tab(): string
    {
        return $this->call('GET', "{$this->session}/window");
    }

    /** Switches to a tab and makes it visible. */
    public function switchTo(string $tab): void
    {
        $this->call('POST', "{$this->session}/window", ['handle' => $tab]);
    }

    /** Closes the current tab. */
    public function closeTab(): void
    {
        $this->call('DELETE', "{$this->session}/window");
    }

    /** Minimizes the window, so that its tabs are hidden. */
    public function minimize(): void
    {
        $this->call('POST', "{$this->session}/window/minimize", new \stdClass());
    }

    /** Restores the window. */
    public function restore(): void
    {
        $this->call('POST', "{$this->session}/window/rect", ['width' => 900, 'height' => 700]);
    }

    /** Returns the console errors since the last call. */
    public function consoleErrors(): array
    {
        $entries = $this->call('POST', "{$this->session}/se/log", ['type' => 'browser']);

        return array_column(array_filter($entries, fn (array $entry): bool => $entry['level'] === 'SEVERE'), 'message');
    }

    /** Saves a screenshot of the window as PNG. */
    public function screenshot(string $file): void
    {
        is_dir(dirname($file)) || mkdir(dirname($file), 0777, true);
        file_put_contents($file, base64_decode($this->call('GET', "{$this->session}/screenshot")));
    }

    /** Closes the browser with all tabs. */
    public function close(): void
    {
        try {
            $this->call('DELETE', $this->session);
        } catch (RuntimeException) {
            // The session has ended already.
        }
        $this->driver?->stop();
    }

    private function call(string $method, string $url, array|object|null $body = null): mixed
    {
        $curl = curl_init($url);
        curl_setopt($curl, CURLOPT_CUSTOMREQUEST, $method);
        curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
        curl_setopt($curl, CURLOPT_TIMEOUT, 30);
        if ($body !== null) {
            curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body));
        }
        $response = curl_exec($curl);
        $value = json_decode((string) $response, true)['value'] ?? null;
        if ($response === false || isset($value['error'])) {
            throw new RuntimeException("{$method} {$url}: " . ($value['message'] ?? 'no response'));
        }

        return $value;
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

use PharData;
use RecursiveIteratorIterator;
use RuntimeException;
use Throwable;

/** A release archive, from its address to the program in place. */
final class Download
{
    private const PROGRAM = 'presence-sidecar';

    private const CONNECT_TIMEOUT_SECONDS = 10;

    /** A transfer below this rate for this time is given up. */
    private const MIN_BYTES_PER_SECOND = 1000;

    private const MAX_SLOW_SECONDS = 20;

    /** @param string $sha256 expected checksum in hexadecimal digits */
    public function __construct(private readonly string $url, private readonly string $sha256)
    {
    }

    /**
     * Puts the program of the archive at the path, with mode 0755. Nothing is left behind if that fails.
     *
     * @throws RuntimeException with the address or path and the reason
     */
    public function install(string $path): void
    {
        error_clear_last();
        $archive = dirname($path) . '/' . self::PROGRAM . '-' . bin2hex(random_bytes(4)) . '.tar.gz';
        $program = "{$archive}.program";
        try {
            $this->fetch($archive);
            $this->verify($archive);
            $this->extract($archive, $program);
            if (! @chmod($program, 0755) || ! @rename($program, $path)) {
                throw self::failure("{$path} cannot be written");
            }
        } finally {
            @unlink($archive);
            @unlink($program);
        }
    }

    private function fetch(string $archive): void
    {
        $file = @fopen($archive, 'x') ?: throw self::failure("{$archive} cannot be written");
        $curl = curl_init($this->url);
        curl_setopt_array($curl, [
            CURLOPT_FILE => $file,
            CURLOPT_FOLLOWLOCATION => true,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_REDIR_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_CONNECTTIMEOUT => self::CONNECT_TIMEOUT_SECONDS,
            CURLOPT_LOW_SPEED_LIMIT => self::MIN_BYTES_PER_SECOND,
            CURLOPT_LOW_SPEED_TIME => self::MAX_SLOW_SECONDS,
        ]);
        $isComplete = curl_exec($curl) !== false;
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if (! fclose($file) || ! $isComplete || $status !== 200) {
            $reason = $isComplete ? "the server responded with {$status}" : curl_error($curl);
            throw new RuntimeException("{$this->url} cannot be fetched: {$reason}");
        }
    }

    private function verify(string $archive): void
    {
        $actual = (string) hash_file('sha256', $archive);
        if (! hash_equals(strtolower($this->sha256), $actual)) {
            throw new RuntimeException(
                "{$this->url} has the SHA-256 {$actual} instead of {$this->sha256}: it is not installed"
            );
        }
    }

    /** Copies the program out of the archive, wherever it lies in it. */
    private function extract(string $archive, string $program): void
    {
        try {
            foreach (new RecursiveIteratorIterator(new PharData($archive)) as $entry) {
                if ($entry->getFilename() === self::PROGRAM) {
                    copy($entry->getPathname(), $program);

                    return;
                }
            }
        } catch (Throwable $exception) {
            throw new RuntimeException("{$this->url} cannot be unpacked: {$exception->getMessage()}");
        }

        throw new RuntimeException("{$this->url} does not contain a file " . self::PROGRAM);
    }

    private static function failure(string $what): RuntimeException
    {
        return new RuntimeException("{$what}: " . (error_get_last()['message'] ?? 'unknown error'));
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests\Support;

/** A web server with a release archive of the binary under test, and with broken ones. */
final class ReleaseServer
{
    public readonly Process $server;

    /** Address of the archive. */
    public readonly string $url;

    /** Its SHA-256. */
    public readonly string $sha256;

    public function __construct()
    {
        $folder = Process::folder();
        mkdir("{$folder}/presence-sidecar-1.2.3");
        // A script instead of the program, because a debug build has 90 MB.
        $program = "{$folder}/presence-sidecar-1.2.3/presence-sidecar";
        file_put_contents($program, "#!/bin/sh\nexec " . escapeshellarg(Sidecar::binary()) . " \"\$@\"\n");
        file_put_contents("{$folder}/presence-sidecar-1.2.3/LICENSE", 'MIT');
        chmod($program, 0755);
        $quoted = escapeshellarg($folder);
        exec("cd {$quoted} && tar czf release.tar.gz presence-sidecar-1.2.3 && tar czf empty.tar.gz */LICENSE");
        file_put_contents("{$folder}/text.tar.gz", 'not an archive');
        $port = Process::freePort();
        $this->server = new Process([PHP_BINARY, '-S', "127.0.0.1:{$port}", '-t', $folder], $folder);
        $this->server->await(fn (): bool => Process::isListening($port));
        $this->url = "http://127.0.0.1:{$port}/release.tar.gz";
        $this->sha256 = (string) hash_file('sha256', "{$folder}/release.tar.gz");
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Install;

/** The releases of the sidecar that this version of the package trusts: names of archives and their SHA-256. */
final class Releases
{
    /** @param string $list path of the list; `bin/pin-release.php` writes it for each release */
    public function __construct(private readonly string $list)
    {
    }

    /** Returns the name of the archive for this machine, such as presence-sidecar-1.2.3-x86_64-linux.tar.gz. */
    public function archiveName(): string
    {
        $machine = strtolower(php_uname('m'));
        $machine = ['amd64' => 'x86_64', 'arm64' => 'aarch64'][$machine] ?? $machine;
        $system = ['darwin' => 'macos'][strtolower(PHP_OS)] ?? strtolower(PHP_OS);

        return "presence-sidecar-{$this->read()['version']}-{$machine}-{$system}.tar.gz";
    }

    /** Returns the pinned SHA-256 of an archive in hexadecimal digits; null if none is pinned. */
    public function checksum(string $archive): ?string
    {
        return $this->read()['archives'][$archive] ?? null;
    }

    /** @return array{version: string, archives: array<string, string>} */
    private function read(): array
    {
        return json_decode((string) file_get_contents($this->list), true, flags: JSON_THROW_ON_ERROR);
    }
}

#!/usr/bin/env php
<?php

/*
 * Pins a release for presence:install: writes its version and the SHA-256 of its archives to resources/releases.json.
 *
 *   bin/pin-release.php VERSION FOLDER     FOLDER has presence-sidecar-VERSION-MACHINE-SYSTEM.tar.gz, one per platform
 */

declare(strict_types=1);

[, $version, $folder] = $argv + [1 => '', 2 => ''];
$paths = glob("{$folder}/presence-sidecar-{$version}-*.tar.gz") ?: [];
if ($version === '' || $paths === []) {
    fwrite(STDERR, "pin-release: no presence-sidecar-{$version}-*.tar.gz in \"{$folder}\"\n");
    exit(1);
}
$archives = [];
foreach ($paths as $path) {
    $archives[basename($path)] = hash_file('sha256', $path);
}
$list = json_encode(compact('version', 'archives'), JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
file_put_contents(getenv('PRESENCE_RELEASES') ?: dirname(__DIR__) . '/resources/releases.json', "{$list}\n");

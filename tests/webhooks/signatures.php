<?php

// Checks tests/vectors/webhook-signatures.json with PHP's own hash_hmac: php signatures.php <file>

declare(strict_types=1);

$failures = 0;
foreach (json_decode(file_get_contents($argv[1]), true, flags: JSON_THROW_ON_ERROR)['cases'] as $case) {
    ['algo' => $algo, 'secret' => $secret, 'id' => $id, 'time' => $time, 'body' => $body] = $case;
    $header = "t={$time},v1=".hash_hmac($algo, "{$time}.{$body}", $secret);
    $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : $secret;
    $standard = 'v1,'.base64_encode(hash_hmac('sha256', "{$id}.{$time}.{$body}", $key, true));
    foreach (['header' => $header, 'standard' => $standard] as $name => $expected) {
        if ($case[$name] !== $expected) {
            echo json_encode([...$case, "expected_{$name}" => $expected]), PHP_EOL;
            $failures++;
        }
    }
}
exit($failures === 0 ? 0 : 1);

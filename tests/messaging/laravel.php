<?php

/*
 * Reads the sidecar's tables with Laravel: Debian's Laravel 8.83 with its encrypter and its hasher, on an SQLite file.
 * Arguments: the file, the APP_KEY, and the API token and personal token of the client with the fingerprint "php".
 * Prints the results as JSON.
 */

declare(strict_types=1);

error_reporting(E_ALL & ~E_DEPRECATED); // 8.83 was written for PHP 8.0.
ini_set('display_errors', 'stderr');

require '/usr/share/php/Illuminate/autoload.php';

use Illuminate\Encryption\Encrypter;
use Illuminate\Hashing\BcryptHasher;

[, $file, $appKey, $apiToken, $personalToken] = $argv;

$crypt = new Encrypter(base64_decode(substr($appKey, strlen('base64:'))), 'AES-256-CBC');
$hasher = new BcryptHasher(['verify' => true]);
$pdo = new PDO('sqlite:'.$file, options: [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);

$row = static function (string $sql, string ...$values) use ($pdo): array {
    $statement = $pdo->prepare($sql);
    $statement->execute($values);

    return $statement->fetch(PDO::FETCH_ASSOC);
};

$client = $row('SELECT * FROM clients WHERE fingerprint = ?', 'php');
$message = $row('SELECT * FROM messages WHERE to_client_id = ? ORDER BY id DESC', $client['id']);
$aad = ['to' => $client['id'], 'ts' => (new DateTimeImmutable($message['created_at'], new DateTimeZone('UTC')))->format(DATE_ATOM)];
$plain = openssl_decrypt(
    base64_decode($message['ciphertext']),
    'aes-256-gcm',
    base64_decode($crypt->decryptString($client['encryption_key_encrypted']), true),
    OPENSSL_RAW_DATA,
    base64_decode($message['nonce']),
    base64_decode($message['tag']),
    json_encode($aad, JSON_UNESCAPED_SLASHES),
);

echo json_encode([
    'hash' => $hasher->check($apiToken, $client['api_token_hash']),
    'wrong hash' => $hasher->check($apiToken.'x', $client['api_token_hash']),
    'api token' => $crypt->decryptString($client['api_token_encrypted']) === $apiToken,
    'personal token' => $crypt->decryptString($client['encryption_key_encrypted']) === $personalToken,
    'message' => json_decode((string) $plain, true),
    'type' => $message['type'],
    'receipt' => $row('SELECT * FROM message_receipts WHERE client_id = ?', $client['id'])['last_acked_message_id'],
    'encrypted here' => $crypt->encryptString('from PHP'),
], JSON_THROW_ON_ERROR);

<?php

/* Responds like the recorded messaging API, and appends each request to requests.jsonl. */

declare(strict_types=1);

$call = "{$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']}";
$headers = array_change_key_case(getallheaders());
$body = (string) file_get_contents('php://input');
file_put_contents('requests.jsonl', json_encode(compact('call', 'headers', 'body')) . "\n", FILE_APPEND);

$alpha = [
    'id' => '8b5a1e0a-190c-4633-be04-dc07401f4fcb',
    'name' => 'alpha',
    'created_at' => '2026-11-22T00:54:51.000000Z',
    'last_seen_at' => '2026-11-22T00:54:53.000000Z',
    'status' => 'online',
];
$isAdmin = ($headers['x-admin-token'] ?? '') === 'changeme-admin';
$isOperator = ($headers['x-operator-token'] ?? '') === 'changeme-operator';
[$status, $response] = match (true) {
    $isAdmin && $call === 'POST /api/v1/messages/publish'
        => [200, ['queued' => count(json_decode($body)->to_client_ids)]],
    $isOperator && $call === 'GET /api/v1/operators/clients' => [200, ['clients' => [$alpha]]],
    default => [403, ['message' => 'Invalid admin token']],
};
http_response_code($status);
header('Content-Type: application/json');
echo json_encode($response);

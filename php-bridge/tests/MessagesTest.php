<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Messages;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Tests\Support\Process;
use LogicException;

/** The facade Messages, against a server with responses recorded from the reference implementation. */
final class MessagesTest extends TestCase
{
    private const CLIENT = '8b5a1e0a-190c-4633-be04-dc07401f4fcb';

    private Process $server;

    protected function setUp(): void
    {
        parent::setUp();
        $port = Process::freePort();
        $command = [PHP_BINARY, '-S', "127.0.0.1:{$port}", __DIR__ . '/Support/recording_server.php'];
        $this->server = new Process($command, Process::folder());
        $this->server->await(fn (): bool => Process::isListening($port));
        $this->reconfigure([
            'presence.sidecar.url' => "http://127.0.0.1:{$port}",
            'presence.sidecar.admin_token' => 'changeme-admin',
            'presence.sidecar.operator_token' => 'changeme-operator, next-operator',
        ]);
    }

    protected function tearDown(): void
    {
        $this->server->stop();
        parent::tearDown();
    }

    /** @return array<string, mixed> call, headers and body */
    private function lastRequest(): array
    {
        $lines = file("{$this->server->folder}/requests.jsonl") ?: [];

        return json_decode((string) end($lines), true);
    }

    public function test_publish_returns_number_of_queued_messages(): void
    {
        $payload = ['message' => 'héllo/wörld', 'f' => 1.0];
        self::assertSame(1, Messages::publish(self::CLIENT, 'event', $payload));
        $request = $this->lastRequest();
        self::assertSame('POST /api/v1/messages/publish', $request['call']);
        self::assertSame('changeme-admin', $request['headers']['x-admin-token']);
        self::assertArrayNotHasKey('authorization', $request['headers']);
        $body = ['to_client_ids' => [self::CLIENT], 'type' => 'event', 'payload' => $payload];
        self::assertSame($body, json_decode($request['body'], true));
        self::assertSame(2, Messages::publish(['a' => self::CLIENT, 'b' => self::CLIENT], 'event', ['x' => 1]));
        self::assertStringContainsString('"to_client_ids":["', $this->lastRequest()['body']);
    }

    public function test_clients_sends_first_operator_token(): void
    {
        self::assertSame(['alpha'], array_column(Messages::clients(), 'name'));
        self::assertSame('changeme-operator', $this->lastRequest()['headers']['x-operator-token']);
    }

    public function test_rejected_call_throws(): void
    {
        config(['presence.sidecar.admin_token' => 'wrong']);
        $this->expectException(SidecarException::class);
        $this->expectExceptionMessage('responded to POST /api/v1/messages/publish with 403: Invalid admin token');
        Messages::publish(self::CLIENT, 'event', ['x' => 1]);
    }

    public function test_messages_throws_if_no_sidecar_is_configured(): void
    {
        $this->reconfigure(['presence.sidecar.url' => null]);
        $this->expectException(LogicException::class);
        $this->expectExceptionMessage('PRESENCE_SIDECAR_URL');
        Messages::clients();
    }
}

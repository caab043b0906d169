<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Messages;
use AesirCloud\Presence\Sidecar\SidecarException;
use AesirCloud\Presence\Tests\Support\Process;
use LogicException;

/** The facade Messages, against a server that answers as was recorded from the reference. */
final class MessagesTest extends TestCase
{
    private const CLIENT = '8b5a1e0a-190c-4633-be04-dc07401f4fcb';

    private Process $server;

    protected function setUp(): void
    {
        parent::setUp();
        $port = Process::port();
        $command = [PHP_BINARY, '-S', "127.0.0.1:{$port}", __DIR__ . '/Support/recorder.php'];
        $this->server = new Process($command, Process::folder());
        $this->server->await(fn (): bool => Process::listens($port));
        $this->configured([
            'presence.sidecar.url' => "http://127.0.0.1:{$port}",
            'presence.sidecar.admin_token' => 'changeme-admin',
            'presence.sidecar.operator_token' => 'changeme-operator, the-next-one',
        ]);
    }

    protected function tearDown(): void
    {
        $this->server->stop();
        parent::tearDown();
    }

    /** @return array<string, mixed> the last request */
    private function asked(): array
    {
        $lines = file("{$this->server->folder}/asked.jsonl") ?: [];

        return json_decode((string) end($lines), true);
    }

    public function test_publish_says_how_many_messages_were_queued(): void
    {
        $payload = ['message' => 'héllo/wörld', 'f' => 1.0];
        self::assertSame(1, Messages::publish(self::CLIENT, 'event', $payload));
        $asked = $this->asked();
        self::assertSame('POST /api/v1/messages/publish', $asked['call']);
        self::assertSame('changeme-admin', $asked['headers']['x-admin-token']);
        self::assertArrayNotHasKey('authorization', $asked['headers']);
        $body = ['to_client_ids' => [self::CLIENT], 'type' => 'event', 'payload' => $payload];
        self::assertSame($body, json_decode($asked['body'], true));
        self::assertSame(2, Messages::publish(['a' => self::CLIENT, 'b' => self::CLIENT], 'event', ['x' => 1]));
        self::assertStringContainsString('"to_client_ids":["', $this->asked()['body']);
    }

    public function test_clients_are_listed_with_the_first_operator_token(): void
    {
        self::assertSame(['alpha'], array_column(Messages::clients(), 'name'));
        self::assertSame('changeme-operator', $this->asked()['headers']['x-operator-token']);
    }

    public function test_what_is_refused_is_thrown(): void
    {
        config(['presence.sidecar.admin_token' => 'wrong']);
        $this->expectException(SidecarException::class);
        $this->expectExceptionMessage('answered POST /api/v1/messages/publish with 403: Invalid admin token');
        Messages::publish(self::CLIENT, 'event', ['x' => 1]);
    }

    public function test_without_a_sidecar_it_says_what_to_set(): void
    {
        $this->configured(['presence.sidecar.url' => null]);
        $this->expectException(LogicException::class);
        $this->expectExceptionMessage('PRESENCE_SIDECAR_URL');
        Messages::clients();
    }
}

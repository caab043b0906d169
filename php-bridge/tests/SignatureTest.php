<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Events\UserCameOnline;
use AesirCloud\Presence\Tests\Support\Process;
use AesirCloud\Presence\Tests\Support\Sidecar;
use AesirCloud\Presence\Webhooks\Signature;
use Illuminate\Support\Facades\Event;
use PHPUnit\Framework\Attributes\DataProvider;

/** The signatures of webhooks. */
final class SignatureTest extends WebhookTestCase
{
    private const OTHER_SECRET = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=';

    public function test_receiver_accepts_standard_webhooks_signature(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->signStandard($body))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }

    public function test_whsec_secret_is_decoded_for_standard_webhooks_only(): void
    {
        $this->reconfigure(['presence.webhook.secret' => self::OTHER_SECRET] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $key = (string) base64_decode(substr(self::OTHER_SECRET, 6));
        $this->receive($body, $this->signStandard($body, [$key]))->assertNoContent();
        $this->receive($body, $this->sign($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, [$key]))->assertUnauthorized();
    }

    public function test_whsec_secret_is_decoded_without_padding(): void
    {
        $key = "\xfb\xff\xbe" . str_repeat('k', 29);
        $encoded = base64_encode($key);
        self::assertStringContainsString('+/++', $encoded);
        foreach ([$encoded, rtrim($encoded, '=')] as $seq => $secret) {
            $this->reconfigure(['presence.webhook.secret' => "whsec_{$secret}"] + $this->config);
            $body = $this->body('online', $seq + 1);
            $this->receive($body, $this->signStandard($body, [$key]))->assertNoContent();
        }
    }

    public static function undecodableSecrets(): array
    {
        return array_map(fn (string $text): array => ["whsec_{$text}"], [
            'url-safe' => '-_--' . str_repeat('a', 40), 'both alphabets' => '+/-_', 'not base64' => 'ab cd',
            'empty' => '', 'line feed' => "QUFB\n", 'impossible length' => 'QUFBQ', 'padding alone' => '==',
        ]);
    }

    /**
     * The sidecar does not start with these. Its versions before 0.3 sign the package's own header with the text.
     *
     * @dataProvider undecodableSecrets
     */
    #[DataProvider('undecodableSecrets')]
    public function test_whsec_secret_that_sidecar_refuses_verifies_no_standard_webhook(string $secret): void
    {
        $this->reconfigure(['presence.webhook.secret' => $secret] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $decoded = (string) base64_decode(strtr(substr($secret, 6), '-_', '+/'));
        foreach ([$secret, $decoded, ''] as $key) {
            $this->receive($body, $this->signStandard($body, [$key]))->assertUnauthorized();
        }
        $this->receive($body, $this->sign($body, [$secret]))->assertNoContent();
    }

    public function test_sidecar_and_package_accept_the_same_secrets(): void
    {
        $usable = array_map(fn (string $text): array => [$text], [
            'a secret', 'whsec', 'WHSEC_-_--', 'whsec_QUFB', 'whsec_QUFBQQ==', 'whsec_QUFBQQ=', 'whsec_QUFBQR',
        ]);
        $environment = ['PRESENCE_DRIVER' => 'webhook', 'PRESENCE_WEBHOOK_URL' => 'http://127.0.0.1:1/hooks'];
        foreach ([...$usable, ...array_values(self::undecodableSecrets())] as [$secret]) {
            $variables = $environment + ['PRESENCE_WEBHOOK_SECRET' => $secret, 'PRESENCE_STORAGE' => Process::folder()];
            $streams = [1 => ['pipe', 'w'], 2 => ['redirect', 1]];
            $process = proc_open([Sidecar::binary(), 'config'], $streams, $pipes, null, $variables);
            $output = (string) stream_get_contents($pipes[1]);
            $isAccepted = proc_close($process) === 0;
            self::assertSame($isAccepted, Signature::standardKey($secret) !== null, "{$secret}: {$output}");
            self::assertSame(! $isAccepted, str_contains($output, 'base64 after whsec_'), $output);
        }
    }

    public function test_receiver_accepts_current_and_previous_secrets(): void
    {
        $this->reconfigure(['presence.webhook.previous_secrets' => [self::OTHER_SECRET]] + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $this->receive($body, $this->sign($body, [self::OTHER_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, ['next secret', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->signStandard($body, ['next secret', self::WEBHOOK_SECRET]))->assertNoContent();
        $this->receive($body, $this->sign($body, ['expired secret']))->assertUnauthorized();
    }

    public function test_signature_header_and_algorithm_are_configurable(): void
    {
        $overrides = ['presence.webhook.signature_header' => 'X-Signed', 'presence.webhook.algo' => 'sha512'];
        $this->reconfigure($overrides + $this->config);
        Event::fake(self::EVENTS);
        $body = $this->body('online');
        $time = time();
        $signature = hash_hmac('sha512', "{$time}.{$body}", self::WEBHOOK_SECRET);
        $this->receive($body, ['X-Signed' => "t={$time}, v1={$signature}"])->assertNoContent();
        $this->receive($body)->assertUnauthorized();
    }

    public static function invalidSignatures(): array
    {
        return [
            'no header' => [fn (): array => []],
            'malformed' => [fn (): array => ['X-Presence-Signature' => 't=,,v1=,=', 'webhook-signature' => 'v1']],
            'wrong secret' => [fn (self $test, string $body): array => $test->sign($body, ['wrong'])],
            'modified body' => [fn (self $test, string $body): array => $test->sign("{$body} ")],
            'too old' => [fn (self $test, string $body): array => $test->sign($body, age: 301)],
            'too old, standard' => [fn (self $test, string $body): array => $test->signStandard($body, age: 301)],
            'from the future' => [fn (self $test, string $body): array => $test->sign($body, age: -303)],
            'no timestamp' => [fn (self $test, string $body): array => [
                'X-Presence-Signature' => 'v1=' . hash_hmac('sha256', ".{$body}", self::WEBHOOK_SECRET),
            ]],
            'no id' => [fn (self $test, string $body): array => ['webhook-id' => ''] + $test->signStandard($body)],
        ];
    }

    /** @dataProvider invalidSignatures */
    #[DataProvider('invalidSignatures')]
    public function test_receiver_rejects_invalid_signature(callable $headers): void
    {
        $body = $this->body('online');
        $this->receive($body, $headers($this, $body))->assertUnauthorized();
        foreach (self::EVENTS as $event) {
            Event::assertNotDispatched($event);
        }
    }

    public function test_receiver_rejects_all_without_secret_or_with_example_secret(): void
    {
        foreach ([null, '', 'test-secret'] as $secret) {
            $this->reconfigure(['presence.webhook.secret' => $secret] + $this->config);
            $body = $this->body('online');
            $this->receive($body, $this->sign($body, [(string) $secret]))->assertUnauthorized();
        }
    }

    public function test_receiver_accepts_signature_younger_than_five_minutes(): void
    {
        $body = $this->body('online');
        $this->receive($body, $this->sign($body, age: 299))->assertNoContent();
        Event::assertDispatched(UserCameOnline::class);
    }
}

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Messages;
use AesirCloud\Presence\PresenceManager;
use AesirCloud\Presence\Testing\PresenceFake;
use Illuminate\Support\Facades\Artisan;
use Illuminate\Support\Facades\Event;
use Illuminate\Support\Facades\Route;
use Illuminate\Testing\TestResponse;
use PhpToken;

/** Compares README.md with the package. */
final class ReadmeTest extends TestCase
{
    private static function readme(): string
    {
        return (string) file_get_contents(__DIR__ . '/../README.md');
    }

    /** @return list<string> the code blocks in a language */
    private static function codeBlocks(string $language): array
    {
        preg_match_all("/^```{$language}\\n(.*?)^```$/ms", self::readme(), $matches);
        self::assertNotEmpty($matches[1]);

        return $matches[1];
    }

    public function test_doctor_prints_output_of_readme(): void
    {
        [$example] = array_values(preg_grep('/presence:doctor/', self::codeBlocks('console')) ?: []);
        $this->reconfigure(['database.redis.options.prefix' => 'acme_database_', 'cache.prefix' => 'acme_cache_']);
        $sidecar = new Support\Sidecar(self::redis(), [
            'REDIS_PREFIX' => 'acme_database_',
            'CACHE_PREFIX' => 'acme_cache_',
        ]);
        $this->reconfigure($this->config + ['presence.sidecar.url' => $sidecar->url]);
        [$status, $output] = $this->runCommand('presence:doctor');
        self::assertSame(0, $status, $output);
        $separator = substr(self::redisKey(''), strlen('demo_database_demo_cache'));
        $expected = str_replace(
            ['http://127.0.0.1:8137', ':6379', 'acme_cache_'],
            [$sidecar->url, ':' . self::redis()->port, "acme_cache_{$separator}"],
            strstr($example, 'app  verdict', true)
        );
        self::assertStringStartsWith($expected, "$ php artisan presence:doctor\n{$output}");
    }

    public function test_receiver_of_readme_accepts_webhooks_in_routes_web(): void
    {
        config(['presence.webhook.secret' => self::WEBHOOK_SECRET]);
        preg_match('/^<!-- receiver -->\n```php\n(.*?)^```$/ms', self::readme(), $matches);
        file_put_contents($file = storage_path('receiver.php'), "<?php\n{$matches[1]}");
        Route::middleware('web')->group($file);
        $received = [];
        Event::listen('presence', function (array $payload) use (&$received): void {
            $received[] = $payload;
        });
        $body = '{"user_id":1,"event":"online"}';
        $signature = fn (int $time, string $secret): array => $this->transformHeadersToServerVars([
            'X-Presence-Signature' => "t={$time},v1=" . hash_hmac('sha256', "{$time}.{$body}", $secret),
            'Content-Type' => 'application/json',
        ]);
        $post = fn (array $server): TestResponse => $this->call('POST', '/hooks/presence', [], [], [], $server, $body);
        $post($signature(time(), self::WEBHOOK_SECRET))->assertNoContent();
        $post($signature(time(), 'wrong'))->assertUnauthorized();
        $post($signature(time() - 301, self::WEBHOOK_SECRET))->assertUnauthorized();
        self::assertSame([['user_id' => 1, 'event' => 'online']], $received);
    }

    public function test_php_examples_parse(): void
    {
        foreach (self::codeBlocks('php') as $code) {
            $code = str_replace('[…]', '[]', $code);
            self::assertNotEmpty(PhpToken::tokenize("<?php\n{$code}", TOKEN_PARSE));
        }
    }

    public function test_facade_methods_exist(): void
    {
        preg_match_all('/\b(Presence|Messages)::(\w+)\(/', self::readme(), $matches, PREG_SET_ORDER);
        self::assertNotEmpty($matches);
        foreach ($matches as [, $facade, $method]) {
            $classes = $facade === 'Messages' ? [Messages::class] : [PresenceManager::class, PresenceFake::class];
            $exists = array_filter($classes, fn (string $class): bool => method_exists($class, $method));
            self::assertTrue($exists !== [] || method_exists(Presence::class, $method), "{$facade}::{$method}()");
        }
    }

    public function test_classes_exist(): void
    {
        preg_match_all('/\bAesirCloud(?:\\\\\w+)+/', self::readme(), $matches);
        self::assertNotEmpty($matches[0]);
        foreach (array_diff($matches[0], ['AesirCloud\Presence\Events']) as $class) {
            self::assertTrue(class_exists($class), $class);
        }
    }

    public function test_environment_variables_are_those_of_configuration(): void
    {
        preg_match_all('/\b(?:PRESENCE_[A-Z_]+|ADMIN_TOKEN|OPERATOR_TOKENS)\b/', self::readme(), $matches);
        $config = (string) file_get_contents(__DIR__ . '/../config/presence.php');
        preg_match_all("/env\('([A-Z_]+)'|'(PRESENCE__[A-Z_]+)'/", $config, $variables);
        $known = array_unique(array_filter([...$variables[1], ...$variables[2]]));
        $named = array_unique($matches[0]);
        sort($known);
        sort($named);
        self::assertSame($known, $named);
    }

    public function test_commands_exist(): void
    {
        preg_match_all('/artisan (presence:[a-z-]+)(?: \[(--[\w-]+))?/', self::readme(), $matches, PREG_SET_ORDER);
        self::assertNotEmpty($matches);
        $commands = Artisan::all();
        foreach ($matches as $match) {
            self::assertArrayHasKey($match[1], $commands);
            $option = substr($match[2] ?? '', 2);
            self::assertTrue($option === '' || $commands[$match[1]]->getDefinition()->hasOption($option), $option);
        }
    }
}

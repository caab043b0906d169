<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Facades\View;

/** Badges and the heartbeat script, as pages get them. */
final class BladeTest extends TestCase
{
    private function page(string $blade, array $data = []): string
    {
        $file = storage_path('page-' . md5($blade) . '.blade.php');
        file_put_contents($file, $blade);

        return View::file($file, $data)->render();
    }

    public function test_a_badge_shows_the_status_and_takes_attributes(): void
    {
        Presence::heartbeat($this->user(), [], null, false);
        $badge = $this->page('<x-presence-badge :user-id="$id" class="small" />', ['id' => $this->id]);
        self::assertStringContainsString('class="presence-badge small" data-status="away"', $badge);
        self::assertStringContainsString('<span>Away</span>', $badge);
        self::assertStringContainsString('fill="#eab308"', $badge);
    }

    public function test_a_badge_can_look_into_another_scope(): void
    {
        config(['presence.scope.resolver' => fn (): array => ['tenant' => 'here']]);
        Presence::online($this->user());
        $badges = '<x-presence-badge :user-id="$id" /><x-presence-badge :user-id="$id" :scope="[\'tenant\' => 2]" />';
        $page = $this->page($badges, ['id' => $this->id]);
        self::assertSame(1, substr_count($page, '<span>Online</span>'));
        self::assertSame(1, substr_count($page, '<span>Offline</span>'));
    }

    public function test_a_live_badge_carries_its_user_and_scope_and_nothing_that_breaks_out(): void
    {
        $id = "o'hara\"<script>";
        $badge = $this->page('<x-presence-badge-live :user-id="$id" />', ['id' => $id]);
        self::assertStringContainsString('presence.global', $badge);
        self::assertStringContainsString('.presence.updated', $badge);
        self::assertStringContainsString('>Offline</span>', $badge);
        self::assertStringNotContainsString('<script>', $badge);
        self::assertStringNotContainsString("o'hara", $badge);
        $own = $this->page('<x-presence-badge-live :user-id="1" private />');
        self::assertStringContainsString('private', $own);
        self::assertStringContainsString('presence.user.1', $own);
    }

    public function test_a_component_of_the_app_by_the_same_name_wins(): void
    {
        mkdir(storage_path('own/components'), 0700, true);
        file_put_contents(storage_path('own/components/presence-badge.blade.php'), 'the app\'s own badge');
        $this->configured(['view.paths' => [storage_path('own')]]);
        self::assertStringContainsString("the app's own badge", $this->page('<x-presence-badge :user-id="2" />'));
    }

    public function test_the_heartbeat_script_is_small_and_speaks_to_the_app(): void
    {
        $this->actingAs($this->user());
        $script = $this->page('@presenceHeartbeat');
        self::assertLessThan(3 * 1024, strlen(file_get_contents(__DIR__ . '/../resources/js/heartbeat.js')));
        self::assertStringContainsString('"every":30,"url":"/presence/heartbeat","csrf":', $script);
        self::assertStringStartsWith('<script>(', $script);
        self::assertStringEndsWith(')</script>', $script);
        self::assertStringContainsString('"every":5,', $this->page("@presenceHeartbeat(['every' => 5])"));
        $withNonce = $this->page("@presenceHeartbeat(['nonce' => 'a\"b'])");
        self::assertStringContainsString('<script nonce="a&quot;b">', $withNonce);
    }

    public function test_guests_get_no_heartbeat_script(): void
    {
        self::assertSame('', $this->page('@presenceHeartbeat'));
    }

    public function test_with_a_public_address_the_script_speaks_to_the_sidecar_with_a_token(): void
    {
        $this->configured(['presence.sidecar.public_url' => 'https://sidecar.test/']);
        $this->actingAs($this->user());
        preg_match('/\((\{"every".*\})\)<\/script>/', (string) $this->get('/')->content(), $found);
        $config = json_decode($found[1], true);

        self::assertSame('https://sidecar.test/presence/heartbeat', $config['url']);
        self::assertSame(['/presence/token', 600], [$config['renew'], $config['ttl']]);
        self::assertSame($this->id, $this->claims($config['token'])['sub']);
        self::assertStringNotContainsString(Sidecar::TOKEN, $found[1]);

        $fresh = $this->getJson('/presence/token')->assertOk()->assertHeader('Cache-Control', 'no-store, private');
        self::assertSame($this->claims($config['token'])['sid'], $this->claims($fresh['token'])['sid']);
    }

    /** @return array<string, mixed> */
    private function claims(string $token): array
    {
        return json_decode((string) base64_decode(strtr(explode('.', $token)[1], '-_', '+/')), true);
    }
}

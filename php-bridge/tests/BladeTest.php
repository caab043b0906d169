<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Tests;

use AesirCloud\Presence\Facades\Presence;
use AesirCloud\Presence\Tests\Support\Sidecar;
use Illuminate\Support\Facades\View;

/** The rendered badges and heartbeat script. */
final class BladeTest extends TestCase
{
    private function render(string $blade, array $data = []): string
    {
        $file = storage_path('page-' . md5($blade) . '.blade.php');
        file_put_contents($file, $blade);

        return View::file($file, $data)->render();
    }

    public function test_badge_shows_status_and_merges_attributes(): void
    {
        Presence::heartbeat($this->user(), [], null, false);
        $badge = $this->render('<x-presence-badge :user-id="$id" class="small" />', ['id' => $this->id]);
        self::assertStringContainsString('class="presence-badge small" data-status="away"', $badge);
        self::assertStringContainsString('<span>Away</span>', $badge);
        self::assertStringContainsString('fill="#eab308"', $badge);
    }

    public function test_badge_accepts_scope(): void
    {
        config(['presence.scope.resolver' => fn (): array => ['tenant' => 'here']]);
        Presence::online($this->user());
        $badges = '<x-presence-badge :user-id="$id" /><x-presence-badge :user-id="$id" :scope="[\'tenant\' => 2]" />';
        $page = $this->render($badges, ['id' => $this->id]);
        self::assertSame(1, substr_count($page, '<span>Online</span>'));
        self::assertSame(1, substr_count($page, '<span>Offline</span>'));
    }

    public function test_live_badge_embeds_user_and_scope_escaped(): void
    {
        $id = "o'hara\"<script>";
        $badge = $this->render('<x-presence-badge-live :user-id="$id" />', ['id' => $id]);
        self::assertStringContainsString('status.global', $badge);
        self::assertStringContainsString('status="offline"', $badge);
        self::assertStringContainsString('>Offline</span>', $badge);
        self::assertStringContainsString('&quot;guard&quot;:&quot;web&quot;', $badge);
        self::assertStringNotContainsString('<script>', $badge);
        self::assertStringNotContainsString("o'hara", $badge);
        $own = $this->render('<x-presence-badge-live :user-id="1" private />');
        self::assertStringContainsString(' private="private"', $own);
        self::assertStringNotContainsString(' private', $badge);
        self::assertStringContainsString('presence.user.1', $own);
    }

    public function test_live_badge_listens_on_configured_channels_with_encoded_id(): void
    {
        $private = '<x-presence-badge-live user-id="acme:7" private />';
        self::assertStringContainsString('presence.user.acme=3A7', html_entity_decode($this->render($private)));
        $this->reconfigure([
            'presence.broadcast.channels.public' => ['who-is-here', 'presence.global'],
            'presence.broadcast.channels.user' => 'of.{id}',
        ]);
        $public = $this->render('<x-presence-badge-live user-id="acme:7" />');
        self::assertStringContainsString('who-is-here', $public);
        self::assertStringNotContainsString('presence.global', $public);
        self::assertStringContainsString('of.acme=3A7', html_entity_decode($this->render($private)));
    }

    public function test_tabs_of_different_users_tenants_and_guards_do_not_share_a_channel(): void
    {
        $channel = function (int $id, array $scope): string {
            config(['presence.scope.resolver' => fn (): array => $scope]);
            $this->actingAs($this->user($id));
            preg_match('/"tabs":"(presence\.[0-9a-f]{16})"/', $this->render('@presenceHeartbeat'), $matches);

            return $matches[1];
        };
        $channels = [
            $channel(1, []), $channel(2, []), $channel(1, ['tenant' => 'a']), $channel(1, ['tenant' => 'b']),
            $channel(1, ['guard' => 'staff']),
        ];
        self::assertSame($channels, array_unique($channels));
        self::assertSame($channels[0], $channel(1, []));
    }

    public function test_app_component_of_same_name_takes_precedence(): void
    {
        mkdir(storage_path('own/components'), 0700, true);
        file_put_contents(storage_path('own/components/presence-badge.blade.php'), 'custom badge');
        $this->reconfigure(['view.paths' => [storage_path('own')]]);
        self::assertStringContainsString('custom badge', $this->render('<x-presence-badge :user-id="2" />'));
    }

    public function test_heartbeat_script_connects_the_module_and_posts_to_app(): void
    {
        $this->actingAs($this->user());
        $script = $this->render('@presenceHeartbeat');
        self::assertLessThan(512, strlen($script));
        $config = '~connect\(\{"stream":false,"every":30,"tabs":"[^"]+","heartbeat":"/presence/heartbeat","csrf":~';
        self::assertMatchesRegularExpression($config, $script);
        self::assertStringStartsWith('<script type="module">import {connect} from "/presence/script?v=', $script);
        self::assertStringEndsWith(')</script>', $script);
        self::assertStringContainsString('"every":5,', $this->render("@presenceHeartbeat(['every' => 5])"));
        $withNonce = $this->render("@presenceHeartbeat(['nonce' => 'a\"b'])");
        self::assertStringContainsString('<script type="module" nonce="a&quot;b">', $withNonce);
    }

    public function test_module_is_served_without_a_session_and_cached_for_ever_under_its_version(): void
    {
        $page = $this->actingAs($this->user())->render('@presenceHeartbeat');
        preg_match('~"(/presence/script\?v=[0-9a-f]{12})"~', $page, $found);
        $served = $this->get($found[1])->assertOk();
        self::assertStringEqualsFile(__DIR__ . '/../public/presence.js', (string) $served->getContent());
        self::assertSame('text/javascript; charset=utf-8', $served->headers->get('Content-Type'));
        self::assertSame('immutable, max-age=31536000, public', $served->headers->get('Cache-Control'));
        self::assertSame([], $served->headers->getCookies());
        $tag = ['If-None-Match' => (string) $served->headers->get('ETag')];
        self::assertSame('no-cache, public', $this->get('/presence/script')->headers->get('Cache-Control'));
        $this->get('/presence/script', $tag)->assertStatus(304);
    }

    public function test_heartbeat_script_is_empty_for_guests(): void
    {
        self::assertSame('', $this->render('@presenceHeartbeat'));
    }

    public function test_heartbeat_script_posts_to_sidecar_with_token_if_public_url_is_set(): void
    {
        $this->reconfigure(['presence.sidecar.public_url' => 'https://sidecar.test/']);
        $this->actingAs($this->user());
        preg_match('/connect\((\{.*\})\)<\/script>/', (string) $this->get('/')->content(), $matches);
        $config = json_decode($matches[1], true);

        self::assertSame('https://sidecar.test/presence/heartbeat', $config['heartbeat']);
        self::assertSame([false, '/presence/token'], [$config['stream'], $config['tokenUrl']]);
        self::assertSame($this->id, $this->claims($config['token'])['sub']);
        self::assertStringNotContainsString(Sidecar::TOKEN, $matches[1]);

        $renewed = $this->getJson('/presence/token')->assertOk()->assertHeader('Cache-Control', 'no-store, private');
        self::assertSame($this->claims($config['token'])['sid'], $this->claims($renewed['token'])['sid']);
    }

    /** @return array<string, mixed> */
    private function claims(string $token): array
    {
        return json_decode((string) base64_decode(strtr(explode('.', $token)[1], '-_', '+/')), true);
    }
}

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
        self::assertStringContainsString('.presence.updated', $badge);
        self::assertStringContainsString('>Offline</span>', $badge);
        self::assertStringNotContainsString('<script>', $badge);
        self::assertStringNotContainsString("o'hara", $badge);
        $own = $this->render('<x-presence-badge-live :user-id="1" private />');
        self::assertStringContainsString('private', $own);
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
            preg_match('/"tabs":"(presence:[0-9a-f]{16})"/', $this->render('@presenceHeartbeat'), $matches);

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

    public function test_heartbeat_script_is_under_3_kb_and_posts_to_app(): void
    {
        $this->actingAs($this->user());
        $script = $this->render('@presenceHeartbeat');
        self::assertLessThan(3 * 1024, strpos($script, '({"every"') - strlen('<script>'));
        $config = '~"every":30,"tabs":"[^"]+","url":"/presence/heartbeat","csrf":~';
        self::assertMatchesRegularExpression($config, $script);
        self::assertStringStartsWith('<script>(', $script);
        self::assertStringEndsWith(')</script>', $script);
        self::assertStringContainsString('"every":5,', $this->render("@presenceHeartbeat(['every' => 5])"));
        $withNonce = $this->render("@presenceHeartbeat(['nonce' => 'a\"b'])");
        self::assertStringContainsString('<script nonce="a&quot;b">', $withNonce);
    }

    public function test_heartbeat_script_is_empty_for_guests(): void
    {
        self::assertSame('', $this->render('@presenceHeartbeat'));
    }

    public function test_heartbeat_script_posts_to_sidecar_with_token_if_public_url_is_set(): void
    {
        $this->reconfigure(['presence.sidecar.public_url' => 'https://sidecar.test/']);
        $this->actingAs($this->user());
        preg_match('/\((\{"every".*\})\)<\/script>/', (string) $this->get('/')->content(), $matches);
        $config = json_decode($matches[1], true);

        self::assertSame('https://sidecar.test/presence/heartbeat', $config['url']);
        self::assertSame(['/presence/token', 600], [$config['renew'], $config['ttl']]);
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

<?php

declare(strict_types=1);

namespace AesirCloud\Presence\Sidecar;

use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Config\Repository;
use Illuminate\Contracts\Container\Container;

/** Whom the pages of a user may watch. The app decides it at each renewal of a token; a page cannot widen it. */
final class WatchedUsers
{
    public function __construct(private readonly Container $container, private readonly Repository $config)
    {
    }

    /** @return list<int|string>|array{scope: true} ids, or all users of the user's own scope */
    public function of(Authenticatable $user): array
    {
        $rule = $this->config->get('presence.sidecar.user_tokens.watch');
        if ($rule === 'scope') {
            return ['scope' => true];
        }
        $resolver = is_string($rule) && $rule !== '' ? $this->container->make($rule) : null;

        return $resolver === null ? [] : $resolver($user);
    }
}

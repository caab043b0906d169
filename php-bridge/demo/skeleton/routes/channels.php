<?php

declare(strict_types=1);

use AesirCloud\Presence\Support\ChannelName;
use App\Models\User;
use Illuminate\Support\Facades\Broadcast;

Broadcast::channel(
    'presence.user.{id}',
    fn (User $user, string $id): bool => User::whereKey(ChannelName::decode($id))->exists()
);

{{-- Updates on presence.updated with Echo, from the public channel or, with `private`, the user's channel. --}}
@props(['userId', 'scope' => null, 'private' => false, 'nonce' => null])

@php
    $status = \AesirCloud\Presence\Facades\Presence::status($userId, $scope)['status'];
    $color = ['online' => '#22c55e', 'away' => '#eab308'][$status] ?? '#9ca3af';
    $badge = [
        'user' => (string) $userId,
        'status' => $status,
        'scope' => json_encode((object) \AesirCloud\Presence\Support\Scope::complete($scope)),
        'channel' => $private
            ? \AesirCloud\Presence\Support\ChannelName::forUser((string) config('presence.broadcast.channels.user'), $userId)
            : \Illuminate\Support\Arr::first((array) config('presence.broadcast.channels.public')),
        'private' => $private,
        'class' => 'presence-badge',
        'data-status' => $status,
    ];
@endphp

<presence-badge {{ $attributes->merge($badge) }}>
    <svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="{{ $color }}" /></svg>
    <span>{{ ucfirst($status) }}</span>
</presence-badge>
@once
    <script type="module" src="{{ app(\AesirCloud\Presence\View\BrowserModule::class)->address() }}" @if ($nonce) nonce="{{ $nonce }}" @endif></script>
@endonce

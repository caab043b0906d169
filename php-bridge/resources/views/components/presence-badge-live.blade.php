{{-- Updates on presence.updated with Alpine and Echo, from the public channel or, with `private`, the user's channel. --}}
@props(['userId', 'scope' => null, 'private' => false])

@php
    $badge = [
        'user' => (string) $userId,
        'scope' => \AesirCloud\Presence\Support\Scope::complete($scope),
        'status' => \AesirCloud\Presence\Facades\Presence::status($userId, $scope)['status'],
        'kind' => $private ? 'private' : 'channel',
        'channel' => $private
            ? \AesirCloud\Presence\Support\ChannelName::forUser((string) config('presence.broadcast.channels.user'), $userId)
            : \Illuminate\Support\Arr::first((array) config('presence.broadcast.channels.public')),
    ];
@endphp

<span
    x-data="{
        ...@js($badge),
        colors: { online: '#22c55e', away: '#eab308' },
        isMine(e) {
            return String(e.user_id) === this.user
                && Object.keys(e.scope ?? {}).every(part => String(e.scope[part]) === String(this.scope[part]));
        },
        init() {
            if (! window.Echo || ! this.channel) return;
            window.Echo[this.kind](this.channel).listen('.presence.updated', e => {
                if (this.isMine(e)) this.status = e.status ?? e.meta?.status ?? this.status;
            });
        },
    }"
    {{ $attributes->merge(['class' => 'presence-badge']) }}
    :data-status="status"
>
    <svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5" :fill="colors[status] ?? '#9ca3af'" /></svg>
    <span x-text="status.charAt(0).toUpperCase() + status.slice(1)">{{ ucfirst($badge['status']) }}</span>
</span>

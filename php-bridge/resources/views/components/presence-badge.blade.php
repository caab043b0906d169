@props(['userId', 'scope' => null])

@php
    $status = \AesirCloud\Presence\Facades\Presence::status($userId, $scope)['status'];
    $color = ['online' => '#22c55e', 'away' => '#eab308'][$status] ?? '#9ca3af';
@endphp

<span {{ $attributes->merge(['class' => 'presence-badge', 'data-status' => $status]) }}>
    <svg width="10" height="10" aria-hidden="true"><circle cx="5" cy="5" r="5" fill="{{ $color }}" /></svg>
    <span>{{ ucfirst($status) }}</span>
</span>

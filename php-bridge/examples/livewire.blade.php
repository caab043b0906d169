{{-- The view of a Livewire component. A key keeps a badge with its user when the list is sorted or filtered; @presenceLive stays in
     the layout, outside of the component. --}}
<ul>
    @foreach ($users as $id => $name)
        <li wire:key="user-{{ $id }}">
            {{ $name }}
            <presence-badge user="{{ $id }}" status="{{ \AesirCloud\Presence\Facades\Presence::status($id)['status'] }}"></presence-badge>
        </li>
    @endforeach
</ul>

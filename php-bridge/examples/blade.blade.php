{{-- Blade alone: the badges show the status at page load, and turn with the sidecar's stream. --}}
<ul>
    @foreach ($users as $id => $name)
        <li>
            {{ $name }}
            <presence-badge user="{{ $id }}" status="{{ \AesirCloud\Presence\Facades\Presence::status($id)['status'] }}"></presence-badge>
        </li>
    @endforeach
</ul>

@presenceLive

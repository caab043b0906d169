@extends('layout')

@section('content')
    @auth
        <h1>Hello, {{ auth()->user()->name }}</h1>
        <table>
            <tr><th>User</th><th>At page load</th><th>Live</th></tr>
            @foreach (\App\Models\User::all() as $user)
                <tr>
                    <td>{{ $user->name }}</td>
                    <td><x-presence-badge :user-id="$user->id" /></td>
                    <td><x-presence-badge-live :user-id="$user->id" id="live-{{ $user->id }}" /></td>
                </tr>
            @endforeach
        </table>
        <p>Hide this tab to become away. Close it to go offline.</p>
        <form method="post" action="/logout">@csrf <button>Log out</button></form>
    @else
        <p><a href="/login">Log in</a></p>
    @endauth
@endsection

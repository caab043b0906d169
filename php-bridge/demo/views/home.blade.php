@extends('layout')

@section('content')
    @auth
        <h1>Hello, {{ auth()->user()->name }}</h1>
        <table>
            <tr><th>User</th><th>At page load</th><th>Live</th></tr>
            @foreach (\Demo\User::NAMES as $id => $name)
                <tr>
                    <td>{{ $name }}</td>
                    <td><x-presence-badge :user-id="$id" /></td>
                    <td><x-presence-badge-live :user-id="$id" id="live-{{ $id }}" /></td>
                </tr>
            @endforeach
        </table>
        <p>Hide this tab to become away. Close it to go offline.</p>
        <form method="post" action="/logout">@csrf <button>Log out</button></form>
    @else
        <p><a href="/login">Log in</a></p>
    @endauth
@endsection

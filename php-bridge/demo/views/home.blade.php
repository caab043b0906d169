@extends('layout')

@section('content')
    @auth
        <h1>Hello, {{ auth()->user()->name }}</h1>
        <table>
            <tr><th>Who</th><th>When the page was made</th><th>Now</th></tr>
            @foreach (\Demo\User::NAMES as $id => $name)
                <tr>
                    <td>{{ $name }}</td>
                    <td><x-presence-badge :user-id="$id" /></td>
                    <td><x-presence-badge-live :user-id="$id" id="live-{{ $id }}" /></td>
                </tr>
            @endforeach
        </table>
        <p>Hide this tab, and you are away; close it, and you are offline.</p>
        <form method="post" action="/logout">@csrf <button>Log out</button></form>
    @else
        <p><a href="/login">Log in</a></p>
    @endauth
@endsection

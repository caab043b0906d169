@extends('layout')

@section('content')
    <h1>Log in</h1>
    <form method="post" action="/login">
        @csrf
        <select name="id">
            @foreach (\Demo\User::NAMES as $id => $name)
                <option value="{{ $id }}">{{ $name }}</option>
            @endforeach
        </select>
        <input type="password" name="password" placeholder="{{ \Demo\User::PASSWORD }}">
        <button>Log in</button>
    </form>
@endsection

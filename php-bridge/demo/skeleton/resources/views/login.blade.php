@extends('layout')

@section('content')
    <h1>Log in</h1>
    <form method="post" action="/login">
        @csrf
        <select name="email">
            <option value="ada@example.com">Ada</option>
            <option value="grace@example.com">Grace</option>
        </select>
        <input type="password" name="password" placeholder="secret">
        <button>Log in</button>
    </form>
@endsection

<!doctype html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <link rel="icon" href="data:,">
    <title>Example</title>
</head>
<body>
    @includeWhen($name === 'blade', 'examples::blade')
    @if ($name === 'livewire')
        <main>@include('examples::livewire')</main>
        @presenceLive
    @endif
</body>
</html>

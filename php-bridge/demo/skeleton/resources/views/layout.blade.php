<!doctype html>
<html lang="en">
<head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta name="csrf-token" content="{{ csrf_token() }}">
    <link rel="icon" href="data:,">
    <title>Presence</title>
    <style>
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
        .presence-badge { display: inline-flex; align-items: center; gap: .5rem; }
        table { border-collapse: collapse; width: 100%; margin: 1.5rem 0; }
        td, th { text-align: left; padding: .6rem .4rem; border-bottom: 1px solid #ddd; }
    </style>
    <script>
        // Stands in for Laravel Echo, over Server-Sent Events.
        window.Echo = {
            channel: () => ({
                listen: (name, callback) => {
                    window.stream ??= new EventSource('/events');
                    window.stream.addEventListener(name.slice(1), e => callback(JSON.parse(e.data)));
                },
            }),
        };
    </script>
    <script defer src="/alpine.js"></script>
</head>
<body>
    @yield('content')
    @presenceHeartbeat(['every' => (int) config('demo.every')])
</body>
</html>

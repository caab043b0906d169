"""Follows a stream with a library that does not reconnect by itself: event_stream.py LIBRARY URL TOKEN

Sends the id of the last event that the library handed out, as their documentation says.
"""

import json
import sys
import time

import httpx

library, url, token = sys.argv[1:]
last = ""


def events(response: httpx.Response):
    if library == "httpx_sse":
        import httpx_sse

        return httpx_sse.EventSource(response).iter_sse()
    import sseclient

    return sseclient.SSEClient(response.iter_bytes()).events()


while True:
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", "Last-Event-ID": last}
    try:
        with httpx.stream("GET", url, headers=headers, timeout=60) as response:
            response.raise_for_status()
            for event in events(response):
                last = event.id or last
                data = json.loads(event.data)
                print("place" if event.event == "place" else f"{event.event} {data['user_id']}")
    except httpx.TransportError:
        pass
    time.sleep(0.05)

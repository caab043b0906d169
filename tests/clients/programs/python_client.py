"""Calls every operation with the package that openapi-python-client generates."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])

from sidecar_client import AuthenticatedClient, Client  # noqa: E402
from sidecar_client.api.browsers import browser_heartbeat, watched  # noqa: E402
from sidecar_client.api.messages import acknowledge, poll, publish, register_client, rotate_client, send  # noqa: E402
from sidecar_client.api.operators import client_messages, clients, fan_outs, replay_fan_outs, revoke_client  # noqa: E402
from sidecar_client.api.presence import changes, counts, explain, heartbeat, heartbeats, history, many, offline  # noqa: E402
from sidecar_client.api.presence import online, roster, snapshot, status, stream  # noqa: E402
from sidecar_client.api.operations import checks, configuration  # noqa: E402
from sidecar_client.api.webhooks import deliveries, replay_deliveries, replay_delivery  # noqa: E402
from sidecar_client.models import Acknowledgement, BrowserHeartbeat, Error, Heartbeat, HeartbeatMetaType0  # noqa: E402
from sidecar_client.models import Many, Offline, Publication, Registration, Scope, SealedMessage, StatusWord  # noqa: E402

settings = json.loads(os.environ["SIDECAR_SETTINGS"])


def client_of(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(settings["url"], token, raise_on_unexpected_status=True)


def user_token(seconds: int) -> str:
    """Signs a token of the user 42 that is valid for some seconds, as an application does."""

    def encode(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).decode().rstrip("=")

    claims = {"sub": 42, "watch": [42], "exp": int(time.time()) + seconds}
    text = ".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{encode(hmac.digest(settings['service'].encode(), text.encode(), hashlib.sha256))}"


service = client_of(settings["service"])
messages = client_of(settings["clientToken"])
operators = AuthenticatedClient(
    settings["url"], settings["operator"], prefix="", auth_header_name="X-Operator-Token", raise_on_unexpected_status=True
)
admin = AuthenticatedClient(settings["url"], settings["admin"], prefix="", auth_header_name="X-Admin-Token")
own = {"client": messages, "x_client_id": settings["client"]}


def report(operation: str, response, is_parsed: bool = True) -> object:
    """Prints the id and the status of a call. Returns its parsed response."""
    assert response.parsed is not None or not is_parsed, f"{operation} is not parsed: {response.content!r}"
    print(operation, int(response.status_code))
    return response.parsed


meta = HeartbeatMetaType0.from_dict({"device": "phone"})
first = report("heartbeat", heartbeat.sync_detailed(client=service, body=Heartbeat(user_id=42, meta=meta)))
assert first.status == StatusWord.ONLINE and first.transition.value == "came_online", first
acme = Scope(tenant="acme")
report("online", online.sync_detailed(client=service, body=Heartbeat(user_id="u-1", scope=acme)))
report("offline", offline.sync_detailed(client=service, body=Offline(user_id="u-1", scope=acme)))
both = report("heartbeats", heartbeats.sync_detailed(client=service, body=[Heartbeat(user_id=42), Heartbeat(user_id="u-2")]))
assert both[0].transition is None, both
assert report("status", status.sync_detailed("42", client=service)).last_seen_at.year > 2000
found = report("many", many.sync_detailed(client=service, body=Many(user_ids=[42, "nobody"])))
assert found["42"].status == StatusWord.ONLINE and found["nobody"].last_seen_at is None, found
assert report("roster", roster.sync_detailed(client=service)).data[0].user_id == 42
assert report("counts", counts.sync_detailed(client=service)).present >= 2
assert report("changes", changes.sync_detailed(client=service, after="0-0")).data[0].event == StatusWord.ONLINE
assert report("snapshot", snapshot.sync_detailed(client=service)).next_page is None
report("browser_heartbeat", browser_heartbeat.sync_detailed(client=client_of(user_token(60)), body=BrowserHeartbeat(active=True)))
assert report("watched", watched.sync_detailed(client=client_of(user_token(60)))).data[0].user_id == 42
assert report("history", history.sync_detailed("42", client=service)).data[0].event == StatusWord.ONLINE
assert report("explain", explain.sync_detailed("42", client=service)).last_change.cause.value == "heartbeat"
# Read to its end, which is that of the token.
assert "event: place" in report("stream", stream.sync_detailed(client=client_of(user_token(2))))
assert report("configuration", configuration.sync_detailed(client=service)).settings[0].key == "driver"
assert report("checks", checks.sync_detailed(client=service)).checks[0].fix is None
report("deliveries", deliveries.sync_detailed(client=service))
assert isinstance(report("replay_delivery", replay_delivery.sync_detailed("none@default", client=service)), Error)
report("replay_deliveries", replay_deliveries.sync_detailed(client=service))
registration = Registration(fingerprint="python")
assert report("register_client", register_client.sync_detailed(client=Client(settings["url"]), body=registration)).client_id
publication = Publication(to_client_ids=[settings["client"]], type_="note", payload={"text": "hello"})
report("publish", publish.sync_detailed(client=admin, body=publication, idempotency_key="python"))
report("send", send.sync_detailed(**own, body=SealedMessage.from_dict(settings["sealed"])))
assert report("poll", poll.sync_detailed(**own, cursor="0")).messages[0].from_client_id is None
report("acknowledge", acknowledge.sync_detailed(**own, body=Acknowledgement(last_received_id=1)))
report("rotate_client", rotate_client.sync_detailed(**own))
assert report("clients", clients.sync_detailed(client=operators)).clients
assert report("client_messages", client_messages.sync_detailed(settings["client"], client=operators)).messages
report("revoke_client", revoke_client.sync_detailed(settings["client"], client=operators))
report("fan_outs", fan_outs.sync_detailed(client=operators))
report("replay_fan_outs", replay_fan_outs.sync_detailed(client=operators))

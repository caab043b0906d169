"""A messaging client, written only from the section "The messaging protocol" of openapi/README.md.

client.py URL ADMIN_TOKEN

Two clients register, receive publications, poll, open, acknowledge, send and relay. Any difference from the section ends
the script with an error. At the end it prints, as JSON, what an operator should see.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

URL, ADMIN_TOKEN = sys.argv[1:]


def call(method, path, body=None, **headers):
    """Sends a request; returns the status, the headers and the JSON of the response."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/api/v1{path}", data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            status, received, text = response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        status, received, text = error.code, error.headers, error.read()
    return status, received, json.loads(text) if text else None


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Client:
    def __init__(self, fingerprint, name):
        status, _, credentials = call("POST", "/clients/register", {"fingerprint": fingerprint, "name": name})
        assert status == 201, status
        self.fingerprint, self.credentials, self.id = fingerprint, credentials, credentials["client_id"]
        key = base64.b64decode(credentials["personal_token"], validate=True)
        assert len(key) == 32
        self.cipher = AESGCM(key)

    def call(self, method, path, body=None):
        token = self.credentials["api_token"]
        return call(method, path, body, Authorization=f"Bearer {token}", X_Client_Id=self.id)

    def poll(self, cursor=None):
        status, headers, answer = self.call("GET", "/messages/poll" + (f"?cursor={cursor}" if cursor else ""))
        assert int(headers["X-RateLimit-Remaining"]) < int(headers["X-RateLimit-Limit"])
        assert (status == 204) == (answer is None), status
        return answer["messages"] if answer else []

    def wait(self, count, cursor=None):
        """Polls until there are `count` messages: a publication may take a moment."""
        for _ in range(600):
            messages = self.poll(cursor)
            if len(messages) >= count:
                break
            time.sleep(0.05)
        assert len(messages) == count, messages
        return messages

    def open(self, message, direction="to"):
        ciphertext, nonce, tag = (base64.b64decode(message[name]) for name in ("ciphertext", "nonce", "tag"))
        aad = f'{{"{direction}":"{self.id}","ts":"{message["created_at"]}"}}'.encode()
        return json.loads(self.cipher.decrypt(nonce, ciphertext + tag, aad))

    def acknowledge(self, message):
        assert self.call("POST", "/messages/ack", {"last_received_id": message["id"]})[::2] == (200, {"status": "acked"})

    def seal(self, content):
        aad, nonce = {"from": self.id, "ts": "2026-03-04T05:06:08+00:00"}, os.urandom(12)
        sealed = self.cipher.encrypt(nonce, compact(content), compact(aad))
        parts = {"ciphertext": sealed[:-16], "nonce": nonce, "tag": sealed[-16:]}
        return {name: base64.b64encode(part).decode() for name, part in parts.items()} | {"aad": aad}

    def send(self, body):
        return self.call("POST", "/messages/send", body)


def publish(clients, kind, payload, key):
    body = {"to_client_ids": [client.id for client in clients], "type": kind, "payload": payload}
    return call("POST", "/messages/publish", body, X_Admin_Token=ADMIN_TOKEN, Idempotency_Key=key)[::2]


one, two = Client("python-1", "Till 1"), Client("python-2", "Till 2")
assert call("POST", "/clients/register", {"fingerprint": "python-1"})[::2] == (200, one.credentials)

# Publish, poll, open, acknowledge.
payload = {"text": "Grüße/1 😀", "list": [], "object": {}, "float": 1.0}
for _ in range(2):
    assert publish([one, two], "note", payload, "once") == (200, {"queued": 2})
(message,) = one.wait(1)
content = one.open(message)
assert (message["type"], content["type"], content["payload"], content["ts"]) == ("note", "note", payload, message["created_at"])
for wrong in (lambda: one.open(message, "from"), lambda: two.open(message)):
    try:
        wrong()
        raise AssertionError("it opens with the wrong AAD or the wrong key")
    except InvalidTag:
        pass
assert one.poll() == [message], "a message is repeated until it is acknowledged"
assert one.poll(message["id"]) == []
one.acknowledge(message)
assert one.poll() == []
two.acknowledge(two.wait(1)[0])

# Send, relay, and send again.
body = one.seal({"type": "chat", "payload": {"text": "hi"}, "to_client_ids": [two.id]})
for _ in range(2):
    assert one.send(body)[::2] == (200, {"status": "accepted"})
(own,), (relayed,) = one.wait(1), two.wait(1)
assert one.open(own, "from") == {"type": "chat", "payload": {"text": "hi"}, "to_client_ids": [two.id]}
assert (relayed["type"], two.open(relayed)["payload"]) == ("chat", {"text": "hi"})
one.acknowledge(own)
two.acknowledge(relayed)

# More than a page.
for n in range(51):
    assert publish([two], "count", {"n": n}, f"count-{n}")[0] == 200
first = two.wait(50)
rest = two.wait(1, first[-1]["id"])
assert [two.open(message)["payload"]["n"] for message in first + rest] == list(range(51))
two.acknowledge(rest[-1])

# Refused requests.
altered = one.seal({"type": "chat"}) | {"aad": {"from": two.id}}
status, _, answer = one.send(altered)
assert (status, list(answer["errors"])) == (422, ["ciphertext"])
status, _, answer = one.send({"ciphertext": "AA=="})
assert (status, list(answer["errors"])) == (422, ["nonce", "tag"])
assert call("GET", "/messages/poll")[::2] == (401, {"message": "Missing credentials"})
one.credentials["api_token"] += "x"
assert one.call("GET", "/messages/poll")[::2] == (401, {"message": "Invalid token"})

print(json.dumps({"clients": {"Till 1": one.id, "Till 2": two.id}, "relayed": relayed["id"]}))

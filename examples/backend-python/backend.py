"""A backend for starling serve, with nothing but Python's standard library.

It gives its users tokens, emits events to them by HTTP, and answers their events by webhook. See examples/README.md.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API = os.environ.get("STARLING_API", "http://127.0.0.1:9090")
API_KEY = os.environ["STARLING_API_KEY"]
JWT_SECRET = os.environ["STARLING_JWT_SECRET"].encode()
WEBHOOK_SECRET = os.environ["STARLING_WEBHOOK_SECRET"].encode()
ADDR = ("127.0.0.1", int(os.environ.get("PORT", "3000")))

order_numbers = itertools.count(1)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(user, workspace):
    """A token for an hour: the user is put into the workspace's room, and may talk to those who are there."""
    header = {"alg": "HS256", "typ": "JWT"}
    room = f"ws:{workspace}"
    claims = {
        "sub": user,
        "exp": int(time.time()) + 3600,
        "join": [room],
        "rooms": [f"{room}:*"],
        "emit": [room, f"{room}:*"],
        "data": {"name": user},
    }
    parts = [base64url(json.dumps(part).encode()) for part in (header, claims)]
    parts.append(base64url(hmac.digest(JWT_SECRET, b".".join(parts), "sha256")))
    return b".".join(parts).decode()


def emit(room, event, data):
    """Emit an event to a room. The answer says how many sockets that were."""
    request = urllib.request.Request(
        f"{API}/v1/rooms/{urllib.parse.quote(room, safe='')}/emit",
        data=json.dumps({"event": event, "data": data}).encode(),
        headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def signed(header, body):
    """Whether a webhook comes from our server, and now: t=<unix>,v1=<hex HMAC-SHA256 of "t.body">."""
    fields = [field.partition("=") for field in header.split(",")]
    at = next((value for name, _, value in fields if name == "t"), "")
    if not at.isdigit() or abs(time.time() - int(at)) > 300:
        return False
    want = hmac.new(WEBHOOK_SECRET, at.encode() + b"." + body, hashlib.sha256).hexdigest()
    return any(name == "v1" and hmac.compare_digest(value.encode(), want.encode()) for name, _, value in fields)


def hook(call):
    """Answer a webhook; what is returned as "ack" is what the client's emitWithAck gets."""
    if call["type"] == "event" and call["event"] == "order:new":
        workspace, item = call["args"]
        order = {"id": next(order_numbers), "item": item, "by": call["user"]}
        emit(f"ws:{workspace}", "order", order)
        return {"ack": [{"id": order["id"]}]}
    if call["type"] == "batch":
        for event in call["events"]:
            print("starling says:", event["type"], event.get("user") or event.get("room"), flush=True)
    return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/hooks" and not signed(self.headers.get("X-Starling-Signature", ""), body):
            return self.answer(400, {"message": "wrong signature"})
        given = json.loads(body)
        if self.path == "/hooks":
            return self.answer(200, hook(given))
        if self.path == "/login":  # where a real backend would look at a password
            return self.answer(200, {"token": token(given["user"], given["workspace"])})
        if self.path == "/announce":
            return self.answer(200, emit(f"ws:{given['workspace']}", "announcement", given["text"]))
        return self.answer(404, {"message": "no such page"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(ADDR, Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()

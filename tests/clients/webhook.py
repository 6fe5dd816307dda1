"""An integrator receives a webhook and verifies it with the library of Standard Webhooks."""

import json
import os
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

CRM = os.environ["CRM_URL"] + "/api/v1"


def call(method, path, body=None):
    request = urllib.request.Request(
        CRM + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["CRM_TOKEN"], "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


received = []


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.append((dict(self.headers.items()), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = call(
    "POST", "/webhook-endpoints", {"url": f"http://127.0.0.1:{server.server_port}/crm", "kinds": ["tariff.created"]}
)
tariff = call("POST", "/tariffs", {"name": "Вебхук", "tariff_type": "prepaid", "monthly_fee": "1.00"})
# what happened just before the endpoint was made may arrive too
event, deadline = None, time.monotonic() + 20
while event is None or event["data"]["entity_id"] != tariff["id"]:
    assert time.monotonic() < deadline, "no delivery within 20 seconds"
    if not received:
        time.sleep(0.05)
        continue
    headers, body = received.pop(0)
    headers = {name.lower(): value for name, value in headers.items()}
    event = Webhook(endpoint["secret"]).verify(body.decode(), headers)
assert event["type"] == "tariff.created" and event["data"]["version"] == tariff["version"], event
assert event["data"]["name"] == "Вебхук" and event["data"]["entity_id"] == tariff["id"], event
try:
    Webhook(endpoint["secret"]).verify(body.decode().replace("1.00", "9.00"), headers)
except WebhookVerificationError:
    pass
else:
    raise AssertionError("an altered body passes")
call("PATCH", f"/webhook-endpoints/{endpoint['id']}", {"is_active": False})
server.shutdown()

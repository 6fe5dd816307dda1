#!/usr/bin/env bash
# A block of server-sent events with only an "id:" moves no client's position, or is handed out as an event.
#
# What one would guess: a server whose reader sees few of the events sends "id: 7" alone now and then. By the HTML standard a block without
# data is no event, but its id becomes the last event id, which the client sends as Last-Event-ID when it reconnects; and an id
# stays in force for the events after it that have none.
# What was seen for "id: 5, data: a" / "data: b" / "id: 7" / end of the stream:
#   eventsource (npm)  no event for the id alone, but the id is forgotten as well: it reconnects with 5. "b" has an empty lastEventId.
#   sseclient-py       the same: no event, and no id. "b" has None.
#   httpx-sse          the position is right, but the id alone is handed out as an event "message" with empty data, and so is a block
#                      with only "retry:". A program that reads each event's data as JSON fails there.
# What follows: a server gives each event its own id, sends "retry:" in the block of an event, keeps connections open with comments, and
# does not rely on an id alone: after a reconnect it must be ready to pass over the same events again.
# Versions: eventsource 4.1.1 with eventsource-parser 3.1.1, sseclient-py 1.9.0, httpx-sse 0.4.3 with httpx 0.28.1.
#
# Needs: python3 with venv, node 20 or newer, npm. Nothing goes over the network once the packages are there: the clients get their
# responses in the process. Exits with 1 when the behaviour is another one, and with 2 when something is missing.
set -euo pipefail
for tool in python3 node npm; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 2; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check sseclient-py==1.9.0 httpx-sse==0.4.3 httpx==0.28.1
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --save-exact eventsource@4.1.1 eventsource-parser@3.1.1

printf 'retry: 50\n\nid: 5\ndata: a\n\ndata: b\n\nid: 7\n\n' >stream.txt
cat >show.py <<'PYTHON'
import httpx
import httpx_sse
import sseclient

stream = open("stream.txt", "rb").read()


def answer(_):
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=stream)


print("sseclient-py:", [(event.data, event.id) for event in sseclient.SSEClient([stream]).events()])
with httpx.Client(transport=httpx.MockTransport(answer)) as client, httpx_sse.connect_sse(client, "GET", "https://crm.test/") as source:
    print("httpx-sse:", [(event.data, event.id) for event in source.iter_sse()])
PYTHON
cat >show.js <<'JAVASCRIPT'
import fs from "node:fs";
import { EventSource } from "eventsource";

const stream = fs.readFileSync("stream.txt", "utf8");
const events = [];
const positions = [];
const source = new EventSource("https://crm.test/", {
  fetch: async (_, options) => {
    positions.push(new Headers(options.headers).get("Last-Event-ID"));
    if (positions.length === 1) return new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
    console.log("eventsource:", JSON.stringify(events), "then reconnects with Last-Event-ID", JSON.stringify(positions[1]));
    process.exit(0);
  },
});
source.onmessage = (event) => events.push([event.data, event.lastEventId]);
setTimeout(() => process.exit(2), 20_000);
JAVASCRIPT

venv/bin/pip freeze | grep -E '^(sseclient-py|httpx-sse|httpx)=='
for package in eventsource eventsource-parser; do
    node -p "'$package==' + JSON.parse(require('fs').readFileSync('node_modules/$package/package.json')).version"
done
shown=$(venv/bin/python show.py && node show.js)
echo "$shown"
expected="sseclient-py: [('a', '5'), ('b', None)]
httpx-sse: [('', ''), ('a', '5'), ('b', '5'), ('', '7')]
eventsource: [[\"a\",\"5\"],[\"b\",\"\"]] then reconnects with Last-Event-ID \"5\""
[[ $shown == "$expected" ]]

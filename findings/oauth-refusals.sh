#!/usr/bin/env bash
# OAuth clients take a refusal from the token endpoint for a token, or blame something else, when it is not the JSON of OAuth.
#
# What one would guess: a status of 4xx is a failure to each client, whatever the body, and the exception tells the status; the member
# "error" is read from each body that is JSON.
# What was seen when a refresh token is exchanged:
#   Authlib            takes 429 with a problem document (RFC 9457) for the new token: refresh_token() returns the document, and
#                      update_token, where programs store tokens, is called with it. The stored access token is gone.
#   requests-oauthlib  raises MissingTokenError for 429 and for 503 alike, with the status_code 400 in both cases.
#   openid-client      reads no body that is not application/json: with application/problem+json there is no .error, even when
#                      the document has the member, so a program that waits for "invalid_grant" never sees it.
# When the document has the member "error", the two clients in Python raise what they should, whatever the media type.
# What follows: everything before and in the token endpoint, rate limits and proxies too, gives its refusals a member "error". The media
# type application/problem+json hides it from openid-client; application/json shows it to all three.
# Versions: Authlib 1.9.10, requests-oauthlib 2.0.0 with oauthlib 4.0.1, openid-client 6.9.0.
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
venv/bin/pip install --quiet --disable-pip-version-check Authlib==1.9.10 requests-oauthlib==2.0.0 oauthlib==4.0.1 requests==2.34.2
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --save-exact openid-client@6.9.0

cat >refusals.json <<'JSON'
[["429 problem", 429, "application/problem+json", {"title": "Too many requests", "status": 429}],
 ["503 problem", 503, "application/problem+json", {"title": "Unavailable", "status": 503}],
 ["400 problem with error", 400, "application/problem+json", {"title": "Spent", "status": 400, "error": "invalid_grant"}],
 ["400 json with error", 400, "application/json", {"error": "invalid_grant"}]]
JSON
cat >show.py <<'PYTHON'
import io
import json

import requests
from authlib.integrations.requests_client import OAuth2Session as Authlib
from requests.adapters import BaseAdapter
from requests_oauthlib import OAuth2Session as RequestsOauthlib

URL = "https://crm.test/token"
OLD = {"access_token": "old", "refresh_token": "r1", "token_type": "Bearer"}


class Refusal(BaseAdapter):
    def __init__(self, status, media_type, body):
        super().__init__()
        self.status, self.media_type, self.body = status, media_type, body

    def send(self, request, **_):
        response = requests.Response()
        response.request, response.url, response.status_code = request, request.url, self.status
        response.headers["Content-Type"] = self.media_type
        response.raw = io.BytesIO(json.dumps(self.body).encode())
        return response

    def close(self):
        pass


def authlib(refusal):
    stored = []
    session = Authlib("c", "s", token=dict(OLD), update_token=lambda token, **_: stored.append(dict(token)))
    session.mount("https://", refusal)
    try:
        session.refresh_token(URL)
        return f"no exception; to store: {json.dumps(stored[0])}"
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'error', '-')}"


def requests_oauthlib(refusal):
    session = RequestsOauthlib("c", token=dict(OLD))
    session.mount("https://", refusal)
    try:
        session.refresh_token(URL)
        return "no exception"
    except Exception as error:
        return f"{type(error).__name__} {error.error}, status_code {error.status_code}"


for name, *refusal in json.load(open("refusals.json")):
    print(f"{name}, Authlib: {authlib(Refusal(*refusal))}")
    print(f"{name}, requests-oauthlib: {requests_oauthlib(Refusal(*refusal))}")
PYTHON
cat >show.js <<'JAVASCRIPT'
import fs from "node:fs";
import * as client from "openid-client";

for (const [name, status, type, body] of JSON.parse(fs.readFileSync("refusals.json"))) {
  const config = new client.Configuration({ issuer: "https://crm.test", token_endpoint: "https://crm.test/token" }, "c", "s");
  config[client.customFetch] = async () => new Response(JSON.stringify(body), { status, headers: { "Content-Type": type } });
  const seen = await client.refreshTokenGrant(config, "r1").then(
    () => "no exception",
    (error) => `${error.code}, error ${error.error ?? "-"}`,
  );
  console.log(`${name}, openid-client: ${seen}`);
}
JAVASCRIPT

venv/bin/pip freeze | grep -iE '^(authlib|requests-oauthlib|oauthlib)=='
node -p '"openid-client==" + JSON.parse(require("fs").readFileSync("node_modules/openid-client/package.json")).version'
shown=$(venv/bin/python show.py && node show.js)
echo "$shown"
expected='429 problem, Authlib: no exception; to store: {"title": "Too many requests", "status": 429, "refresh_token": "r1"}
429 problem, requests-oauthlib: MissingTokenError missing_token, status_code 400
503 problem, Authlib: HTTPError -
503 problem, requests-oauthlib: MissingTokenError missing_token, status_code 400
400 problem with error, Authlib: OAuthError invalid_grant
400 problem with error, requests-oauthlib: InvalidGrantError invalid_grant, status_code 400
400 json with error, Authlib: OAuthError invalid_grant
400 json with error, requests-oauthlib: InvalidGrantError invalid_grant, status_code 400
429 problem, openid-client: OAUTH_RESPONSE_IS_NOT_JSON, error -
503 problem, openid-client: OAUTH_RESPONSE_IS_NOT_CONFORM, error -
400 problem with error, openid-client: OAUTH_RESPONSE_IS_NOT_JSON, error -
400 json with error, openid-client: OAUTH_RESPONSE_BODY_ERROR, error invalid_grant'
[[ $shown == "$expected" ]]

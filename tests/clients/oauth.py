"""An ordinary OAuth 2 client signs in with a password, uses the token, and renews it by itself."""

import os

from oauthlib.oauth2 import InvalidGrantError, LegacyApplicationClient
from requests_oauthlib import OAuth2Session

CRM = os.environ["CRM_URL"] + "/api/v1"
TOKENS = CRM + "/auth/token"
USER = {"username": os.environ["ADMIN_USERNAME"], "password": os.environ["ADMIN_PASSWORD"]}

renewed = []
session = OAuth2Session(
    client=LegacyApplicationClient(client_id=""),
    auto_refresh_url=TOKENS,
    token_updater=renewed.append,
)
first = session.fetch_token(TOKENS, **USER)
assert first["token_type"].lower() == "bearer" and first["refresh_token"], first
assert session.get(CRM + "/auth/me").json()["username"] == USER["username"]

# as if the access token had expired: the library asks for another one, and repeats the request with it
session.token = {**first, "expires_in": -30, "expires_at": 1}
assert session.get(CRM + "/auth/me").json()["username"] == USER["username"]
assert len(renewed) == 1 and renewed[0]["access_token"] != first["access_token"], renewed

# a refusal is one that the library knows
try:
    OAuth2Session(client=LegacyApplicationClient(client_id="")).fetch_token(TOKENS, username=USER["username"], password="wrong")
except InvalidGrantError:
    pass
else:
    raise AssertionError("a wrong password signs in")

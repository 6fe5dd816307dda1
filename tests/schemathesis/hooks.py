"""Authenticates the requests that Schemathesis sends.

Most requests use the inspector, an administrator with a name that no generated request contains, so that wrong passwords
never lock the account. A request that ends sessions or changes the password uses a new user, so that it can succeed
without signing out the others.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import threading
import time

import requests
import schemathesis

BASE = os.environ["BASE_URL"] + "/api/v1"
ADMINISTRATOR = os.environ["ADMIN_USERNAME"]
PASSWORD = os.environ["ADMIN_PASSWORD"]
ENDS_SESSIONS = [
    "/api/v1/auth/logout",
    "/api/v1/auth/logout-all",
    "/api/v1/auth/change-password",
    "/api/v1/auth/sessions/{id}",
]
SIGNS_IN = ["/api/v1/auth/login", "/api/v1/auth/token"]
# Fields with unique values, and how to create another value when one is repeated.
UNIQUE = {
    "phone": lambda number: f"+79{number:09}",
    "msisdn": lambda number: f"+78{number:09}",
    "first": lambda number: f"+7{number:07}000",
    "email": lambda number: f"person{number}@example.com",
    "inn": lambda number: inn(number),
    "passport_number": lambda number: f"{number:06}",
    "iccid": lambda number: f"8970{number:015}",
    "imsi": lambda number: f"25099{number:010}",
    "name": lambda number: f"name-{number}",
    "username": lambda number: f"user-{number}",
    "transaction_id": lambda number: f"desk-{number}",
}

# Fields whose rules a pattern cannot describe: always another valid value.
RULED = ["phone", "msisdn", "first", "inn"]
# Fields whose rules depend on other fields or on a list: left out.
DEPENDENT = ["citizenship", "issued_on", "issuer_code", "valid_until", "kpp", "further_phones", "further_emails"]


def inn(number):
    """A Russian tax number of a person with the right check digits."""
    digits = f"50{number:08}"
    for weights in ([7, 2, 4, 10, 3, 5, 9, 4, 6, 8], [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]):
        digits += str(sum(int(digit) * weight for digit, weight in zip(digits, weights)) % 11 % 10)
    return digits


@schemathesis.serializer("message/rfc822")
def as_it_is(context, value):
    """A mail is sent as the text that it is."""
    return {"data": value if isinstance(value, bytes) else str(value).encode()}


lock = threading.Lock()
numbers = itertools.count(1)
sent = set()


def post(path, body, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(BASE + path, json=body, headers=headers, timeout=30)
    if not answer.ok:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
    return answer.json()


def sign_in(username):
    return post("/auth/login", {"username": username, "password": PASSWORD})


class Inspector:
    username = "inspector-5d7f0c"
    token = None

    @classmethod
    def signed_in(cls):
        with lock:
            if cls.token is None:
                body = {"username": cls.username, "full_name": "Inspector", "role": "admin", "password": PASSWORD}
                post("/users", body, sign_in(ADMINISTRATOR)["access"])
                cls.token = sign_in(cls.username)["access"]
            return cls.token


# now, before a request can lock the first administrator
Inspector.signed_in()


def somebody():
    """Creates a user and signs in."""
    username = f"leaver-{next(numbers)}"
    body = {"username": username, "full_name": "Leaver", "role": "employee", "password": PASSWORD}
    post("/users", body, Inspector.signed_in())
    return sign_in(username)


@schemathesis.auth(refresh_interval=None).apply_to(path=ENDS_SESSIONS)
class Leaver:
    def get(self, case, context):
        return somebody()["access"]

    def set(self, case, token, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        if "id" in (case.path_parameters or {}) and is_positive(case):
            headers = {"Authorization": f"Bearer {token}"}
            own = requests.get(BASE + "/auth/sessions", headers=headers, timeout=30).json()["results"]
            case.path_parameters["id"] = own[0]["id"]


@schemathesis.auth(refresh_interval=None)
class Everybody:
    def get(self, case, context):
        return Inspector.signed_in()

    def set(self, case, token, context):
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


def sign(case, kwargs):
    """Signs the body as the sandbox gateway would and returns the headers."""
    body = json.dumps(case.body)
    kwargs["data"] = body
    kwargs.pop("json", None)
    identifier, timestamp = f"event-{next(numbers)}", str(int(time.time()))
    key = os.environ["GATEWAY_SANDBOX_SECRET"].encode()
    signature = hmac.new(key, f"{identifier}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    signed = {
        "webhook-id": identifier,
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(signature).decode(),
        "Content-Type": "application/json",
    }
    return {**(case.headers or {}), **signed}


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def formatted(schemas):
    """The names of the properties that are dates, moments or e-mail addresses."""
    found = set()
    for schema in schemas.values():
        for part in [schema, *schema.get("allOf", [])]:
            for name, field in part.get("properties", {}).items():
                if any(kind.get("format") in ("date", "date-time", "email") for kind in [field, *field.get("oneOf", [])]):
                    found.add(name)
    return found


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes generated requests valid where the schema cannot describe the rule."""
    headers = case.headers or {}
    if isinstance(case.body, dict):
        # HTML forms send an empty text for what was not filled in, so it counts as absent: another text is wrong
        for field in formatted(case.operation.schema.raw_schema["components"]["schemas"]):
            if case.body.get(field) == "":
                case.body = {**case.body, field: "never"}
    # a repeated key with a different body is refused by design
    if headers.get("Idempotency-Key") and len(headers["Idempotency-Key"]) < 240:
        headers["Idempotency-Key"] += f"-{next(numbers)}"
    if is_positive(case) and case.path.startswith("/api/v1/webhooks/payments/") and isinstance(case.body, dict):
        # a random name is not a gateway, and a random signature is not valid
        case.path_parameters["gateway"] = "sandbox"
        case.headers = sign(case, kwargs)
    if is_positive(case) and case.path.endswith("/terminal/v1"):
        case.headers = {**headers, "X-Terminal-Key": os.environ["TERMINAL_KEY"]}
    if is_positive(case) and case.path.endswith("/payments/links") and isinstance(case.body, dict):
        case.body["gateway"] = "sandbox"
    if is_positive(case) and case.path.endswith("/attachments") and isinstance(case.body, dict) and "file" in case.body:
        # random bytes are not a file of a supported type
        # (in a new body, because Schemathesis reuses the generated one, and bytes are not JSON)
        case.body = {**case.body, "file": f"Call {next(numbers)}: no network".encode()}
    if is_positive(case) and isinstance(case.body, dict) and case.path not in SIGNS_IN:
        for field, value in case.body.items():
            # a text of one line takes a break at its ends only, which no pattern can say of all that the schema calls blank
            if isinstance(value, str) and not value.isspace():
                case.body = {**case.body, field: re.sub("[\r\n\u2028\u2029]", " ", value)}
        for field in RULED:
            if isinstance(case.body.get(field), str):
                case.body[field] = UNIQUE[field](next(numbers))
        for field in DEPENDENT:
            case.body.pop(field, None)
    if not is_positive(case) or case.method.upper() != "POST" or not isinstance(case.body, dict):
        return
    if case.path.endswith("/auth/refresh") and next(numbers) % 2:
        case.body["refresh"] = somebody()["refresh"]
    for field, fresh in () if case.path in SIGNS_IN else UNIQUE.items():
        value = case.body.get(field)
        if isinstance(value, str):
            if (case.path, field, value) in sent:
                case.body[field] = fresh(next(numbers))
            sent.add((case.path, field, value))

#!/usr/bin/env python3
"""Measures pages of every list on a database with 50 000 subscribers, at one connection, on both engines.

It measures every list with every filter alone, by one value and, where it takes several, by two; and every figure.

For every list in the OpenAPI document and every ordering, it measures the median time of a page of 100 with its count and by
cursor, and compares the last page by cursor with the first. It also measures searches for three letters in the middle of a
name, for a phone number in each form that people type, and the global search.

Needs python3 and, for PostgreSQL, psql and a server where databases can be created. Environment variables:
  BENCH_POSTGRES_URL  URL without a database name; default postgres://postgres@127.0.0.1:5432
  CUSTOMERS=50000 TRIES=15 ENGINES="sqlite postgres"
It fails when a median exceeds its limit: 15 ms for a page, 20 ms for a search, 50 ms for a filter, 300 ms for a figure.
"""

import datetime
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CRM = os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR", "target"), "release", "telecom-crm")
SERVER = os.environ.get("BENCH_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432")
CUSTOMERS = int(os.environ.get("CUSTOMERS", "50000"))
TRIES = int(os.environ.get("TRIES", "15"))
ENGINES = os.environ.get("ENGINES", "sqlite postgres").split()
PASSWORD = "tram 17 to the lighthouse"
PORT = int(os.environ.get("PORT", "18083"))
PAGE_MS, SEARCH_MS, FILTER_MS, FIGURE_MS = 15.0, 20.0, 50.0, 300.0
# what a list itself reads, and what is measured elsewhere
NOT_FILTERS = {"page", "page_size", "cursor", "ordering", "search", "expand", "last_event_id", "ticket"}
# values that no schema tells
WORDS = {"city": "Москва", "role": "operator", "processed_by": "admin", "actor": "admin", "entity": "customer", "entity_id": "7", "action": "payment.received", "gateway": "sandbox"}


class Caller:
    """One connection, signed in as the administrator."""

    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        self.headers = {"Content-Type": "application/json"}
        token = self.call("POST", "/auth/login", {"username": "admin", "password": PASSWORD})["access"]
        self.headers["Authorization"] = f"Bearer {token}"

    def call(self, method, path, body=None):
        body = None if body is None else json.dumps(body)
        path = path if path.startswith("/api/") else f"/api/v1{path}"
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path} returned {answer.status}: {text.decode()[:400]}")
        return json.loads(text)

    def median(self, path):
        """The median time in milliseconds, without the first call."""
        self.call("GET", path)
        times = []
        for _ in range(TRIES):
            begun = time.perf_counter()
            self.call("GET", path)
            times.append((time.perf_counter() - begun) * 1000)
        return statistics.median(times)

    def last_page(self, path):
        """The path of the last page by cursor, found by following `next` in large pages."""
        join = "&" if "?" in path else "?"
        here = f"{path}{join}page_size=500&cursor="
        while True:
            following = self.call("GET", here)["next"]
            if following is None:
                return here
            parts = urllib.parse.urlsplit(following)
            here = f"{parts.path}?{parts.query}"


def lists(document):
    """Every list with its orderings, without lists below one id."""
    for path, item in document["paths"].items():
        parameters = {one["name"]: one for one in item.get("get", {}).get("parameters", [])}
        if "page_size" in parameters and "cursor" in parameters and "{" not in path:
            named = re.search(r"-\?\(([^)]*)\)", parameters["ordering"]["schema"]["pattern"])
            yield path, named.group(1).split("|")


def filters(document, path):
    """Every filter of a list with values: one, and two where it takes several."""
    schemas = document["components"]["schemas"]
    for parameter in document["paths"][path]["get"]["parameters"]:
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] != "query" or name in NOT_FILTERS:
            continue
        given = schema.get("items", schema)
        given = schemas[given["$ref"].rsplit("/", 1)[1]] if "$ref" in given else given
        if "enum" in given:
            values = list(given["enum"])
        elif given.get("type") == "integer":
            values = ["7", "40000"]
        elif given.get("type") == "boolean":
            values = ["true", "false"]
        elif given.get("format") in ("date", "date-time"):
            ago = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
            values = [ago if given["format"] == "date-time" else ago[:10]]
        elif name.endswith(("_min", "_max")):
            values = ["100.00"]
        else:
            values = [WORDS[name]]
        if "items" in schema and len(values) > 1:
            values += [",".join(values[:2]), ",".join(values[:1] + values[-1:])]
        for value in values:
            yield name, value


def figures(document):
    """Every path of statistics that is not a list."""
    for path, item in document["paths"].items():
        names = [one["name"] for one in item.get("get", {}).get("parameters", [])]
        if path.endswith("/statistics") and "ordering" not in names and "{" not in path:
            yield path


def measure(engine, work):
    if engine == "sqlite":
        url = f"sqlite://{work}/crm.db"
    else:
        url = f"{SERVER}/crm_bench_lists"
        subprocess.run(["psql", "-q", f"{SERVER}/postgres", "-c", "DROP DATABASE IF EXISTS crm_bench_lists WITH (FORCE)", "-c", "CREATE DATABASE crm_bench_lists"], check=True)
    environment = {
        **os.environ, "DATABASE_URL": url, "ADMIN_PASSWORD": PASSWORD, "BIND": f"127.0.0.1:{PORT}", "LOG_LEVEL": "warn",
        "JWT_SECRET": "a-secret-for-the-benchmark-and-nothing-else", "SIGN_INS_PER_MINUTE": "1000", "ACCESS_TOKEN_MINUTES": "1440",
    }
    begun = time.perf_counter()
    subprocess.run([CRM, "seed", "--customers", str(CUSTOMERS)], env=environment, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"\n{engine}: seeded {CUSTOMERS} subscribers in {time.perf_counter() - begun:.0f} s")
    if engine == "postgres":
        subprocess.run(["psql", "-q", url, "-c", "VACUUM ANALYZE"], check=True)
    server = subprocess.Popen([CRM, "serve"], env=environment, cwd=work, stdout=subprocess.DEVNULL)
    slow, caller = [], None
    try:
        while caller is None and server.poll() is None:
            try:
                caller = Caller()
            except OSError:
                time.sleep(0.1)

        def told(what, median, bound, beside=""):
            print(f"  {what:<60} {median:7.1f} ms{beside}")
            if median > bound:
                slow.append(f"{engine} {what}: {median:.1f} ms, more than {bound:.0f}")

        document = caller.call("GET", "/openapi.json")
        for path in figures(document):
            told(path.removeprefix("/api/v1"), caller.median(path), FIGURE_MS)
        for path, fields in lists(document):
            for name, value in filters(document, path):
                one = f"{path}?{name}={urllib.parse.quote(value)}"
                told(one.removeprefix("/api/v1"), caller.median(one), FILTER_MS)
            for field in [None] + [sign + field for field in fields for sign in ("", "-")]:
                one = path if field is None else f"{path}?ordering={field}"
                join = "&" if "?" in one else "?"
                told(one.removeprefix("/api/v1"), caller.median(one), PAGE_MS)
                if field is None:
                    first = caller.median(f"{one}{join}page_size=500&cursor=")
                    last = caller.median(caller.last_page(one))
                    print(f"  {'… 500 by cursor, first and last':<60} {first:7.1f} ms {last:7.1f} ms")
        for one in ["/customers?search=ван", "/customers?search=лександ", "/contracts?search=ван", "/sims?search=1234", "/tickets?search=счёт", "/payments?search=desk"]:
            told(one, caller.median(urllib.parse.quote(one, safe="/?=&")), SEARCH_MS)
        somebody = caller.call("GET", "/customers?page_size=1&ordering=-id")["results"][0]["phone"]
        area, first, second, third = somebody[2:5], somebody[5:8], somebody[8:10], somebody[10:12]
        forms = [
            somebody, f"8 {area} {first}-{second}-{third}", f"{area} {first}-{second}-{third}", f"({area}) {first}-{second}-{third}",
            f"{first}-{second}-{third}", f"8({area}){first}{second}{third}", f"8 {area} {first}\u2011{second}\u2013{third}",
        ]
        for form in forms:
            one = f"/customers?search={urllib.parse.quote(form)}"
            assert somebody in [row["phone"] for row in caller.call("GET", one)["results"]], form
            told(f"/customers?search={form}", caller.median(one), SEARCH_MS)
        for words in ["Иванов Пётр", "ван", "+7916", "897"]:
            told(f"/search?q={words}", caller.median(f"/search?q={urllib.parse.quote(words)}"), SEARCH_MS)
    finally:
        server.terminate()
        server.wait()
        if engine == "postgres":
            subprocess.run(["psql", "-q", f"{SERVER}/postgres", "-c", "DROP DATABASE IF EXISTS crm_bench_lists WITH (FORCE)"], check=True)
    return slow


def main():
    if not os.path.exists(CRM):
        subprocess.run(["cargo", "build", "--release", "--quiet", "--package", "server"], cwd=ROOT, check=True)
    slow = []
    for engine in ENGINES:
        with tempfile.TemporaryDirectory() as work:
            slow += measure(engine, work)
    print("\n" + ("\n".join(slow) if slow else "every page, filter, search and figure is within its limit"))
    sys.exit(1 if slow else 0)


main()

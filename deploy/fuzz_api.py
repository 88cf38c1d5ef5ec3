"""Calls the control API as its OpenAPI document has it, rightly and wrongly, and judges the answers by the document."""

import argparse
import datetime
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import secrets
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

import jsonschema

from processes import free_ports

TEXTS = [
    "", "a", " ", "\t", "\0", "a\0b", "é", "日本", "😀", "\u202e", "a@b.c", " a@b.c ", "a@b", "@", "a@@b.c",
    "josé@x.example", "x" * 256, "x" * 257, "x" * 1025, "x" * 2100, "é" * 256, "null", "true", "0", "-1", "1e9",
    "2027-03-01T17:00:00Z", "2027-03-01T17:00:00.123456789+14:00", "2027-02-30T00:00:00Z", "2027-03-01 17:00:00Z",
    "Europe/Berlin", "Mars/Base", "Virtual", "virtual", "https://a.example/x", "ftp://a", "javascript:alert(1)",
    "https://a.example/\n", "../..", "%2e%2e", "%zz", "a/b", "a;b", "{}", '"', "<script>", "__proto__",
    "00000000-0000-0000-0000-000000000000", "g0000000-0000-0000-0000-000000000000", "registration.created", "ask",
    "acme", "globex", "ACME", "ac\u0301me", "\ufeffa", "a\r\nb", "\u2028", "\U0010ffff",
]
OTHERS = [
    None, True, False, 0, -1, 1, 1.5, 59, 60, 14400, 14401, 1e308, 2**31, 2**53 + 1, -(2**63), 1e-9, [], {}, [[]],
    [None], {"a": {"b": [{}]}}, ["a", "a"], ["x"] * 300, {"": ""}, {"a" * 300: 1},
]
BROKEN = [b"", b"{", b"nul", b"\xff", b'{"a":1,"a":2}', b"[1,]", b'{"a":"\\ud800"}', b"{}x"]

# Why a call may be refused although each of its parts is as the document has it: what no schema can say.
RULES = re.compile(
    r"(startDate|endDate): (must be (after|before)|can be null only together with|must be a date like the other|needs )|cannot be combined with"
    r"|means the same as|(client_id|client_secret): is required|Users cannot be hosts and presenters"
    r"|has no address|not one that (this|a) list gave|networkingHub: not a networking hub|until: must be in the future"
    r"|(from|to|startDate|endDate): must (be after|not be before|not be after) (from|to|startDate|endDate)|too long: the token|The body is larger"
)
# Leap seconds, which the gateway has no use for.
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
UUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def is_moment(text):
    if not isinstance(text, str):
        return True
    if not MOMENT.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", text.upper()).replace("Z", "+00:00"))
        return True
    except ValueError:
        return False


def is_date(text):
    if not isinstance(text, str):
        return True
    try:
        datetime.date.fromisoformat(text)
        return len(text) == 10
    except ValueError:
        return False


def is_email(text):
    # The gateway drops what programs leave at the ends.
    return not isinstance(text, str) or bool(re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", text.strip()))


FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("date-time")(is_moment)
FORMATS.checks("date")(is_date)
FORMATS.checks("idn-email")(is_email)
FORMATS.checks("uuid")(lambda text: not isinstance(text, str) or bool(UUID.fullmatch(text)))


class Gateway:
    """The program with its own database, an embed host, and an endpoint for webhooks."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.folder.name)
        self.port, admin = free_ports("viewers", "admin").values()
        self.host = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmbedHost)
        threading.Thread(target=self.host.serve_forever, daemon=True).start()
        self.hook = f"http://127.0.0.1:{self.host.server_port}/hook"
        self.secret = secrets.token_urlsafe(32)
        for name in ("client", "key"):
            path = folder / name
            path.write_text(self.secret if name == "client" else secrets.token_urlsafe(48))
            path.chmod(0o600)
        (folder / "gateway.conf").write_text(
            CONFIGURATION.format(port=self.port, admin=admin, host=self.host.server_port, folder=folder)
        )
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen(
            [program, "run", folder / "gateway.conf"], stdout=subprocess.DEVNULL, stderr=self.log
        )
        self.connection = None
        self.token, self.expires = None, 0
        deadline = time.monotonic() + 30
        # Connections are refused until it listens.
        while self.send("GET", "/.gateway/readyz", {}, None)[0] != 200:
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the gateway does not serve:\n{(folder / 'log').read_text()}")
            time.sleep(0.1)

    def send(self, method, path, fields, body):
        """Status, fields and body of an answer; waits for its turn. Status 0: there is none."""
        broken = 0
        for _ in range(600):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request(method, path, body, fields)
                response = self.connection.getresponse()
                content = response.read()
                if response.will_close:
                    self.connection = None
                if response.status not in (429, 503):
                    return response.status, response.headers, content
                time.sleep(0.05)
            except (OSError, http.client.HTTPException) as error:
                # An idle connection may have ended meanwhile, but not a new one.
                self.connection, broken = None, broken + 1
                if self.process.poll() is not None:
                    return 0, {}, f"the gateway ended with status {self.process.returncode}".encode()
                if broken == 3:
                    return 0, {}, repr(error).encode()
        return 0, {}, b"always 429 or 503"

    def authorization(self):
        if time.monotonic() > self.expires:
            login = {"client_id": "acme", "client_secret": self.secret, "grant_type": "client_credentials"}
            fields = {"Content-Type": "application/json"}
            answer = json.loads(self.send("POST", "/api/oauth/token", fields, json.dumps(login))[2])
            self.token, self.expires = answer["access_token"], time.monotonic() + answer["expires_in"] / 2
        return f"Bearer {self.token}"

    def call(self, method, path, body=None):
        """The JSON of a successful answer, or None."""
        fields = {"Authorization": self.authorization()}
        if body is not None:
            fields["Content-Type"] = "application/json"
        status, _, content = self.send(method, f"/api/v1{path}", fields, None if body is None else json.dumps(body))
        if status == 0:
            sys.exit(f"{method} {path}: {content.decode()}")
        return json.loads(content) if status < 300 and content else None

    def visit(self, url):
        """Opens a link as a viewer does, so that there is a session."""
        target = url.split("/", 3)[3]
        self.send("GET", f"/{target}", {"Authorization": f"Bearer {target.split('token=')[1]}"}, None)

    def end(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.host.shutdown()
        return status


class EmbedHost(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


CONFIGURATION = """
public_url = "http://localhost:{port}"
[[listener]]
address = "127.0.0.1:{port}"
[admin]
address = "127.0.0.1:{admin}"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{host}"]
[[route]]
path = "/event/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/networking/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/api/**"
upstream = "control"
access = "public"
[[company]]
id = "acme"
client_secret_file = "{folder}/client"
[[company.key]]
id = "key"
algorithm = "HS256"
secret_file = "{folder}/key"
[sessions]
cookie_key_file = "{folder}/cookie.key"
[identity]
assertion_key_file = "{folder}/assertion.key"
[limits]
failures_per_minute = 0
[control]
enabled = true
database = "{folder}/gateway.sqlite"
webhook_private_addresses = ["127.0.0.0/8"]
[log]
access = false
"""


class World:
    """What exists: a few events, hubs and webhooks, with registrations, sessions and removals."""

    def __init__(self, gateway, rng):
        self.gateway, self.rng = gateway, rng
        self.ids = {"event": [], "networking": [], "webhooks": []}

    def refresh(self):
        for kind in self.ids:
            self.ids[kind] = [self.make(kind) for _ in range(3)]
        # An old one is kept only as long as the next round: lists stay short.
        call = self.gateway.call
        for uid in [e["uid"] for e in call("GET", "/company/acme/events")[60:]]:
            call("DELETE", f"/event/{uid}")
        for hook in call("GET", "/webhooks")[:-20]:
            call("DELETE", f"/webhooks/{hook['id']}")

    def make(self, kind):
        call, now = self.gateway.call, datetime.datetime.now(datetime.timezone.utc)
        if kind == "webhooks":
            types = ["registration.created", "event.updated"]
            return call("POST", "/webhooks", {"eventTypes": types, "endpoint": self.gateway.hook})["id"]
        hours = {"startDate": -1, "endDate": 3}
        dates = {name: (now + datetime.timedelta(hours=hour)).isoformat() for name, hour in hours.items()}
        body = {"companyId": "acme", "name": "Launch", "timezone": "Etc/UTC", **dates}
        path = f"/{kind}/{call('POST', f'/{kind}/create', body)['uid']}"
        for number in range(3):
            person = {"name": "Ann", "email": f"{secrets.token_hex(4)}@x.example"}
            registration = call("POST", f"{path}/registrant", person)
            if number < 2:
                self.gateway.visit(registration["join_url"])
        call("POST", f"{path}/removals", {"userId": "gone"})
        return path.split("/")[-1]

    def within(self, path, name):
        """The id of something in an event, a hub or a webhook."""
        lists = {"registrationId": "registrants", "removal": "removals", "session": "sessions", "delivery": "deliveries"}
        if name not in lists:
            return self.rng.choice(["u-1", "pete@acme.example", "nobody", "é", "x" * 1024])
        found = self.gateway.call("GET", f"{path}/{lists[name]}") or [{}]
        thing = self.rng.choice(found)
        return thing.get(name) or thing.get("id") or "nothing"


class Fuzzer:
    def __init__(self, gateway, seed):
        self.gateway, self.rng = gateway, random.Random(seed)
        self.document = json.loads(gateway.send("GET", "/api/openapi.json", {}, None)[2])
        self.world = World(gateway, self.rng)
        self.validators, self.faults, self.count = {}, {}, 0
        self.calls = [
            (path, method, call) for path, methods in self.document["paths"].items() for method, call in methods.items()
        ]

    # Values

    def resolved(self, schema):
        while "$ref" in schema:
            found = self.document
            for name in schema["$ref"].split("/")[1:]:
                found = found[name]
            schema = found
        return schema

    def errors(self, schema, value):
        key = id(schema)
        if key not in self.validators:
            whole = {**schema, "components": self.document["components"]}
            self.validators[key] = jsonschema.Draft202012Validator(whole, format_checker=FORMATS)
        return [f"{list(error.path)} {error.message[:120]}" for error in self.validators[key].iter_errors(value)]

    def wrong(self):
        return self.rng.choice(TEXTS if self.rng.random() < 0.6 else OTHERS)

    def right(self, schema, name=""):
        rng, schema = self.rng, self.resolved(schema)
        if "properties" not in schema and "anyOf" in schema:
            return self.right(rng.choice(schema["anyOf"]), name)
        if "enum" in schema:
            return rng.choice(schema["enum"])
        kind, form = schema.get("type"), schema.get("format")
        if kind == "boolean":
            return rng.random() < 0.5
        if kind == "integer":
            return rng.choice([schema["minimum"], schema["maximum"], rng.randint(schema["minimum"], schema["maximum"])])
        if kind == "array":
            return [self.right(schema["items"], name) for _ in range(rng.randrange(4))]
        if kind == "object":
            required = schema.get("required", [])
            chosen = {n: s for n, s in schema.get("properties", {}).items() if n in required or rng.random() < 0.3}
            return {n: self.right(s, n) for n, s in chosen.items()}
        if form == "date-time":
            moment = datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=rng.randrange(2_000_000))
            return moment.isoformat() + rng.choice(["Z", ".5Z", "+01:00"])
        if form == "date":
            return (datetime.date(2026, 1, 1) + datetime.timedelta(days=rng.randrange(1400))).isoformat()
        if form == "uuid":
            return str(uuid.UUID(int=rng.getrandbits(128)))
        if form == "idn-email" or "mail" in name.lower():
            return f"p{rng.randrange(3000)}@x.example"
        known = {"endpoint": self.gateway.hook, "networkingHub": rng.choice(self.world.ids["networking"])}
        urls = {n: "https://a.example/p.png" for n in ("picture", "userAvatar", "bannerUrl", "logo", "home")}
        urls |= {"accent": "#1d4ed8", "contact": "help@a.example"}
        return None if kind == "null" else {**known, **urls}.get(name) or rng.choice(["Ada", "u-1", "x y é"])

    def changed(self, value, schema):
        """The value with some parts replaced, left out or added."""
        rng, schema = self.rng, self.resolved(schema)
        parts = schema.get("properties", {})
        if isinstance(value, dict) and rng.random() < 0.95:
            value = dict(value)
            for _ in range(rng.choice([0, 1, 1, 2, 3])):
                turn, names = rng.random(), list(parts) or list(value)
                if turn < 0.15 and value:
                    del value[rng.choice(list(value))]
                elif turn < 0.22:
                    value[rng.choice(["x", "Name", "name "])] = self.wrong()
                elif names:
                    name = rng.choice(names)
                    value[name] = self.right(parts[name], name) if name in parts and turn < 0.6 else self.wrong()
            return value
        if isinstance(value, list) and rng.random() < 0.95:
            items = schema.get("items", {})
            return [self.changed(element, items) for element in value] * rng.choice([1, 1, 2])
        return self.wrong()

    # Calls

    def target(self, path, method, call):
        """The path and query of a call, and whether the query is as the document has it."""
        rng, filled, query, is_right = self.rng, path, [], True
        for parameter in call.get("parameters", []):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] == "path":
                if name == "id":
                    kind = path.split("/")[3]
                    isolated = method == "delete" and path.endswith("/{id}")
                    value = self.world.make(kind) if isolated else rng.choice(self.world.ids[kind])
                elif name == "companyId":
                    value = "acme"
                else:
                    value = self.world.within(filled.split("/api/v1")[1].rsplit("/", 2)[0], name)
                if rng.random() < 0.06:
                    value = rng.choice(["globex", "nobody", str(uuid.uuid4()), "x"])
                filled = filled.replace(f"{{{name}}}", urllib.parse.quote(value, safe=""))
            elif parameter["in"] == "query":
                if not parameter["required"] and rng.random() > 0.3:
                    continue
                value = self.right(schema, name) if rng.random() < 0.8 else self.wrong()
                text = value if isinstance(value, str) else json.dumps(value)
                meant = self.resolved(schema).get("type")
                typed = json.loads(text) if meant == "integer" and re.fullmatch(r"-?(0|[1-9]\d{0,14})", text) else text
                typed = {"true": True, "false": False}.get(text, text) if meant == "boolean" else typed
                is_right = is_right and not self.errors(schema, typed)
                query.append((name, text))
        if query or any(p["in"] == "query" for p in call.get("parameters", [])):
            if rng.random() < 0.04:
                query, is_right = query + [(rng.choice(["page", "Limit", "from "]), "1")], False
        if query:
            filled += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
        return filled, is_right

    def body(self, call, target):
        """The bytes of a body, and whether it is as the document has it; None if it is no JSON."""
        content = call["requestBody"]["content"]["application/json"]
        rng, schema = self.rng, content["schema"]
        value = self.changed(content["example"], schema) if rng.random() < 0.75 else self.right(schema)
        if isinstance(value, dict):
            exists = {"companyId": "acme", "company": "acme", "companyUid": "acme", "client_id": "acme"}
            exists |= {"endpoint": self.gateway.hook, "client_secret": self.gateway.secret}
            exists["networkingHub"] = rng.choice(self.world.ids["networking"])
            exists["eventId"] = rng.choice(self.world.ids["event"])
            exists["uid"] = target.split("?")[0].split("/")[-1]
            for name in exists:
                if isinstance(value.get(name), str) and value[name] not in TEXTS:
                    value[name] = exists[name]
        if rng.random() < 0.02:
            return rng.choice(BROKEN), None
        return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"), (
            not self.errors(schema, value)
        )

    def make(self, path, method, call):
        rng, fields, body, body_is_right = self.rng, {}, None, True
        needs_token = any("token" in way for way in call["security"])
        has_token = needs_token and rng.random() < 0.97
        if has_token:
            fields["Authorization"] = self.gateway.authorization()
        elif needs_token and rng.random() < 0.5:
            fields["Authorization"] = rng.choice(["Bearer x", "Basic eDp5", "Bearer", "Bearer a.b.c"])
        target, query_is_right = self.target(path, method, call)
        if "requestBody" in call:
            body, body_is_right = self.body(call, target)
            fields["Content-Type"] = "application/json"
        if rng.random() < 0.1:
            fields["Accept"] = rng.choice(["*/*", "text/csv", "text/html"])
        status, answered, content = self.gateway.send(method.upper(), target, fields, body)
        self.count += 1
        show = f"{method.upper()} {target} {(body or b'').decode('utf-8', 'replace')[:400]}"
        name = f"{method.upper()} {path}"

        def report(kind, what):
            key = (kind, name)
            if key not in self.faults:
                print(f"{kind}: {name}: {what}\n    {show}", flush=True)
            self.faults[key] = self.faults.get(key, 0) + 1

        described = call["responses"].get(str(status))
        text = content.decode("utf-8", "replace")[:300]
        if described is None or status in (0, 500):
            return report("status", f"{status} {text}")
        answer = self.judge(self.resolved(described), answered, content, report)
        if needs_token and not has_token and status not in (401, 404, 405):
            report("let in without a token", str(status))
        is_right = query_is_right and body_is_right
        # Of several people, each has a status of its own.
        if status < 300 and needs_token and is_right is False and not isinstance(answer, list):
            report("accepted", f"{status} {text}")
        if status == 400 and has_token and is_right:
            if not all(RULES.search(part) for part in answer["errorMessage"].split("; ")):
                report("refused", text)
        return None

    def judge(self, described, answered, content, report):
        """The JSON of an answer, after it was compared with the document."""
        kinds, kind = described.get("content", {}), (answered.get("Content-Type") or "").split(";")[0]
        if not kinds or kind not in kinds:
            if content:
                report("media type", kind)
            return None
        if "json" not in kind:
            return None
        answer = json.loads(content)
        errors = self.errors(kinds[kind]["schema"], answer)
        if errors:
            report("answer", "; ".join(errors[:3]))
        if "errorMessage" in answer and not (answer["hasError"] is True and answer["errorMessage"] and answer["code"]):
            report("error", content.decode())
        return answer

    def run(self, rounds):
        for _ in range(rounds):
            self.world.refresh()
            self.rng.shuffle(self.calls)
            for path, method, call in self.calls:
                self.make(path, method, call)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=100)
    parser.add_argument("--program", required=True)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    gateway = Gateway(os.path.abspath(arguments.program))
    try:
        fuzzer = Fuzzer(gateway, arguments.seed)
        fuzzer.run(arguments.rounds)
    finally:
        status = gateway.end()
        if status:
            print(f"the gateway ended with status {status}")
    print(f"{fuzzer.count} requests of {len(fuzzer.calls)} calls, {len(fuzzer.faults)} faults")
    sys.exit(1 if fuzzer.faults or status else 0)


if __name__ == "__main__":
    main()

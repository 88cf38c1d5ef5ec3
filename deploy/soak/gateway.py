"""The gateway under test: its configuration, its process, its log, and calls to its admin listener."""

import asyncio
import collections
import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import signal
import ssl
import time

import http1
from bench import make_certificate
from ledger import Identity
from starvation import SHORT
from tokens import compact

EVENTS = {"acme": ["a-1", "a-2", "a-3", "a-4"], "globex": ["g-1", "g-2"]}
# Where the viewer is who is always served: no key, event or removal of theirs ever changes.
# With a registration, so that reloads of `applies_to` do not change the rule for it.
WITNESS = Identity("acme", "a-witness", "witness", "R-witness", "The Witness", "witness@example.com")
# Without one, so that it may have several sessions.
BYSTANDER = Identity("acme", "a-witness", "bystander", None, "A Bystander", "bystander@example.com")
# What the log warns of because clients, reloads and kills are as they are.
WARNINGS = re.compile("|".join((
    r"TLS handshakes failed: ", r"(reload: )?company\[\"acme\"\]\.key\[\d\]\.signed_before: is not set",
    r"upstream embed-host: [\d.:]+ is down: (refused|closed_early|timeout|bad_response|unresponsive)",
    r"not ready: no upstream that viewers need is up", r"connections were refused: .*connections_per_address",
    r"clients were reset that took the end of an answer too slowly",
    r"reload: company \"acme\": another key signs now, and the one before .* signed_before")))
# What it warns of when its threads did not get to run.
SLOW_WARNINGS = re.compile("event loops are late|the configuration's files are being read for a long time"
                           "|attendance cannot be written, and is kept for later")
# What an exchange of this run can never end with.
STRANGE_FAULTS = {"descriptors", "dns", "tls", "unreachable", "connect_failed", "busy", "drained", "keys_awaited",
                  "control_not_started"}
DRAIN = 8
# How long a reload may take until new keys and certificates are in use.
ROTATION = 20
# How long the admin listener may take.
ASKING = 20
# The servers of the embed host, by the names of their ports.
HOSTS = ("host", "host2")
# The last configuration of a run has short times, so that what is left over ends soon.
LAST = {"idle_timeout": "3s", "lease": "5s", "max_lifetime": "1h", "side": True, "signed_before": True}


class Gateway:
    def __init__(self, folder, ports, ledger):
        self.folder, self.ports, self.ledger = folder, ports, ledger
        self.secrets = {}
        self.process = None
        self.log = folder / "gateway.log"
        # How many answers are in its log.
        self.answers = 0
        # The keys that sign acme's tokens: the present one first, then the one before it.
        self.signing = ["acme-1", "acme-0"]
        # The one that tokens are made with: the gateway is known to have it.
        self.current = "acme-1"
        for name in (*self.signing, "acme-side", "globex-new"):
            self.make_secret(name)
        self.secrets["acme.client"] = secrets.token_urlsafe(32)
        (folder / "acme.client").write_text(self.secrets["acme.client"] + "\n")
        make_certificate(folder)
        self.configure()

    # Its configuration.

    def make_secret(self, name):
        self.secrets[name] = secrets.token_urlsafe(32)
        (self.folder / f"{name}.secret").write_text(self.secrets[name] + "\n")

    def keys(self, company):
        """Those with which its viewers' tokens may be signed at present."""
        return ["globex-new"] if company == "globex" else [self.current, *self.signing[-1:], "acme-side"]

    def configure(self, **choices):
        self.write(self.text(**choices))

    def write(self, text):
        """At once: the gateway may still be reading the file because of the signal before."""
        new = self.folder / "gateway.conf.new"
        new.write_text(text)
        new.replace(self.folder / "gateway.conf")

    def text(self, *, idle_timeout="8s", header_timeout="3s", min_rate="256B", body_size="64MiB", per_address=1000,
             joins=0, failures=60, lease="6s", second_join="take_over", take_over_limit=6, max_lifetime="10m",
             applies_to="registrations", signed_before=True, side=True, extra=None, streams=100, spare=64):
        def company(name, pattern, keys, more=""):
            lines = [f'[[company]]\nid = "{name}"\nevent_ids = ["{pattern}"]{more}']
            for key, more in keys:
                lines.append(f'[[company.key]]\nid = "{key}"\nalgorithm = "HS256"\nsecret_file = "{key}.secret"{more}')
            return "\n".join(lines)
        routes = {"/event/{event}/**": "token", "/networking/{event}/**": "token", "/public/**": "public", "/**": "session"}
        if extra:
            routes["/event/{event}/extra/**"] = extra
        tables = "\n".join(f'[[route]]\npath = "{path}"\nupstream = "embed-host"\naccess = "{access}"'
                           for path, access in routes.items())
        first, *before = self.signing
        keys = [(first, "")] + [(name, "\nsigned_before = true" if signed_before else "") for name in before]
        keys += [("acme-side", "")] if side else []
        servers = ", ".join(f'"127.0.0.1:{self.ports[name]}"' for name in HOSTS)
        return f"""public_url = "http://localhost:{self.ports['clear']}"
drain_timeout = "{DRAIN}s"
threads = 2
[[listener]]
address = "127.0.0.1:{self.ports['clear']}"
[[listener]]
address = "127.0.0.1:{self.ports['tls']}"
certificate = "certificate.pem"
key = "key.pem"
[admin]
address = "127.0.0.1:{self.ports['admin']}"
[[upstream]]
name = "embed-host"
servers = [{servers}]
response_timeout = "5s"
max_idle_per_server = {spare}
max_retry_percent = 100
{tables}
[[route]]
path = "/api/**"
upstream = "control"
access = "public"
[control]
enabled = true
database = "gateway.sqlite"
{company("acme", "a-*", keys, chr(10) + 'client_secret_file = "acme.client"')}
{company("globex", "g-*", [("globex-new", "")])}
[tokens]
leeway = "1s"
[sessions]
idle_timeout = "{lease}"
second_join = "{second_join}"
take_over_limit = {take_over_limit}
max_lifetime = "{max_lifetime}"
applies_to = "{applies_to}"
cookie_key_file = "cookie.key"
[identity]
assertion_key_file = "assertion.key"
[limits]
idle_timeout = "{idle_timeout}"
header_timeout = "{header_timeout}"
min_rate = "{min_rate}"
body_size = "{body_size}"
connections_per_address = {per_address}
joins_per_minute = {joins}
failures_per_minute = {failures}
lag_limit = "5s"
[http2]
concurrent_streams = {streams}
"""

    def random_choices(self, rng):
        choices = {
            "idle_timeout": ["2s", "8s"], "header_timeout": ["1s", "3s"], "min_rate": ["0B", "256B", "4KiB"],
            "body_size": ["1MiB", "64MiB"], "per_address": [0, 12, 1000], "joins": [0, 0, 0, 30], "failures": [0, 60],
            "lease": ["3s", "6s"], "second_join": ["take_over"] * 4 + ["ask", "refuse"], "take_over_limit": [6, 1000, 1000],
            "max_lifetime": ["30s", "10m"], "applies_to": ["registrations", "registrations", "all"],
            "signed_before": [True, True, False], "side": [True, True, False],
            "extra": [None, "public", "token", "session"], "streams": [10, 100], "spare": [0, 4, 64]}
        return {name: rng.choice(values) for name, values in choices.items()}

    async def reload(self, rng):
        """Changes the configuration; one in eight is one that the gateway must refuse."""
        text = self.text(**self.random_choices(rng))
        if rng.random() < 0.125:
            text = rng.choice((text.replace("[limits]", "[limits]\nidle_timeuot = 1"), text[:rng.randint(1, 60)],
                               text.replace(f"{self.signing[0]}.secret", "missing.secret"), "= \0"))
            self.ledger.count("reloads of a bad file")
        else:
            self.ledger.count("reloads")
        self.write(text)
        self.process.send_signal(signal.SIGHUP)

    async def rotate(self, rng):
        """A new certificate, and a new key that signs. Tokens by the key before it stay valid until the next time.

        Returns once new connections show the certificate and new tokens are admitted.
        """
        await asyncio.to_thread(self.replace_certificate)
        present, _ = self.signing
        self.signing = [f"acme-{int(present.removeprefix('acme-')) + 1}", present]
        self.make_secret(self.signing[0])
        # A token by a key that has left is nothing to the gateway, which leaves it to the application.
        for key in set(self.ledger.signed) - {*self.signing, "globex-new"}:
            self.ledger.foreign |= self.ledger.signed.pop(key)
        self.ledger.count("rotations")
        # With "refuse" or "ask", a viewer whose session's key has left waits until its lease is idle.
        self.configure(**self.random_choices(rng) | {"second_join": "take_over"})
        self.process.send_signal(signal.SIGHUP)
        started, is_told = time.monotonic(), False
        while not await self.has_rotated():
            waited = time.monotonic() - started
            if waited > ROTATION and not is_told:
                self.ledger.suspect("a new key or certificate is not in use", f"{self.signing[0]}: {waited:.0f} s", waited)
                is_told = True
            await asyncio.sleep(0.5)
        self.current = self.signing[0]

    def replace_certificate(self):
        """As certbot does: the gateway looks at the files all the time, and must never see half a file."""
        new = self.folder / "new"
        new.mkdir(exist_ok=True)
        make_certificate(new)
        for name in ("key.pem", "certificate.pem"):
            (new / name).replace(self.folder / name)

    async def has_rotated(self):
        """Whether the new certificate is shown, and a viewer with the new key is let in."""
        token = self.token(BYSTANDER, self.signing[0])
        fields = [("X-Nonce", f"{self.ledger.new_visit(BYSTANDER)}.1.{time.monotonic_ns()}"),
                  ("Authorization", f"Bearer {token}")]
        try:
            shown = await asyncio.to_thread(
                ssl.get_server_certificate, ("127.0.0.1", self.ports["tls"]), timeout=ROTATION)
            status, _ = await self.call("GET", f"/event/{BYSTANDER.event}/plain", "clear", ROTATION, fields)
        except (OSError, TimeoutError, http1.Late, asyncio.IncompleteReadError):
            return False
        return shown.split() == (self.folder / "certificate.pem").read_text().split() and status != 401

    # Tokens.

    def token(self, identity, key, lifetime=7200, secret=None, own=False, event=None):
        """A viewer's token. `own`: as the gateway itself makes them."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + lifetime, "companyId": identity.company, "eventId": event or identity.event,
                  "sub": identity.user, "name": identity.name, "email": identity.email, "eventSpecific": True,
                  "jti": secrets.token_hex(8)}
        if identity.registration:
            claims["registrationId"] = identity.registration
        header = {"alg": "HS256", "kid": key, "typ": "JWT"}
        if own:
            header["typ"] = "registration+jwt" if identity.registration else "embed+jwt"
            claims["iss"] = f"http://localhost:{self.ports['clear']}"
        secret = (secret or self.secrets[key]).encode()
        return compact(header, claims, lambda data: hmac.new(secret, data, hashlib.sha256).digest())

    # Its process.

    def descriptors(self):
        """What is open, by kind, but for the database, which opens files when several calls read at once."""
        kinds = collections.Counter()
        for entry in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if "gateway.sqlite" not in (name := os.readlink(entry)):
                    kinds[re.sub(r"\d+", "N", name)] += 1
        return kinds

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]

    def database(self):
        """Its size on the disk, in MiB."""
        return (self.folder / "gateway.sqlite").stat().st_size / (1 << 20)

    def memory(self):
        """What it has in memory that is its own, in MiB: not the pages of its program, which come as they are used."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1024

    async def call(self, method, path, port="admin", patience=5, fields=()):
        """A call on a connection of its own, to the admin listener by default; its status and its body."""
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[port], local_addr=("127.0.0.1", 0))
            try:
                fields = [("Connection", "close"), *fields]
                writer.write(http1.Request(method, path, fields).head("localhost"))
                body = bytearray()
                answer = await http1.read_answer(reader, method, body.extend)
            finally:
                writer.transport.abort()
        return answer.status, bytes(body)

    async def ask(self, method, path):
        """A call to the admin listener that must succeed, and its JSON. None for what is gone meanwhile."""
        try:
            status, body = await self.call(method, path, patience=ASKING)
        except (OSError, TimeoutError, http1.Late, asyncio.IncompleteReadError) as error:
            if self.process.poll() is None:
                self.ledger.suspect("the admin listener did not answer", f"{method} {path}: {error!r}", ASKING)
            return None
        if status not in (200, 404):
            self.ledger.fault("the admin listener refused", f"{method} {path}: {status} {body[:200]!r}")
        return json.loads(body) if status == 200 else None

    # Its log.

    def read_log(self):
        """Counts the log's lines; faults are errors that no bad file explains, and anything that is no JSON."""
        errors = 0
        with open(self.log, "rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    self.ledger.fault("the log has a line that is not JSON", line[:2000])
                    continue
                if "status" in entry and "path" in entry:
                    self.read_access(entry)
                    continue
                level, message = entry.get("level"), str(entry.get("message"))
                self.ledger.notes[f"log: {level}: " + re.sub(r"\d+", "N", message)[:100]] += 1
                if level == "warning" and SLOW_WARNINGS.match(message):
                    self.ledger.suspect("the log warns of a stall", message, stall=SHORT, at=moment(entry))
                elif level == "warning" and not WARNINGS.match(message):
                    self.ledger.fault("the log warns of something else", message)
                if level in ("error", "critical"):
                    errors += 1
                    if not message.startswith("reload: "):
                        self.ledger.fault("the log has an error", line[:2000])
        if errors and not self.ledger.counts["reloads of a bad file"]:
            self.ledger.fault("the log has errors of reloads", f"{errors}, and no file was bad")

    def read_access(self, entry):
        self.ledger.notes[f"answers: {entry['status']}"] += 1
        self.answers += 1
        for name in ("refusal", "fault", "cut"):
            if name in entry:
                self.ledger.notes[f"answers: {name} {entry[name]}"] += 1
        if entry.get("fault") == "overload":
            self.ledger.suspect("event loops were late", json.dumps(entry), at=moment(entry))
        if entry.get("fault") in STRANGE_FAULTS:
            self.ledger.fault("an exchange ended with a fault that nothing explains", json.dumps(entry))
        if entry["status"] >= 500 and entry["status"] not in (501, 502, 503, 504, 505):
            self.ledger.fault("an answer that nothing explains", json.dumps(entry))


def moment(entry):
    """When a line was written, by this process's monotonic clock."""
    return datetime.datetime.fromisoformat(entry["time"]).timestamp() - time.time() + time.monotonic()

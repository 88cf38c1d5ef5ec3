"""Measures the control API in front of a full database. Started by `control`."""

import argparse
import contextlib
import json
import pathlib
import random
import re
import secrets
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
import uuid

from processes import cpu_time, free_ports, resident, running

CONNECTIONS = 64
# The wait of each connection in milliseconds, which amounts to 2,000 requests per second.
PAUSE = CONNECTIONS / 2000 * 1000
# The number of events used by the calls.
BUSY_EVENTS = 1000
START_LIMIT, MEMORY_LIMIT, RATE_LIMIT, LATENCY_LIMIT = 5, 500e6, 2000, 20

GATEWAY = """
public_url = "http://localhost:{gateway}"
[[listener]]
address = "127.0.0.1:{gateway}"
[admin]
address = "127.0.0.1:{admin}"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{upstream}"]
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
client_secret_file = "acme.client"
[[company.key]]
id = "acme-1"
algorithm = "HS256"
secret_file = "acme.secret"
[sessions]
cookie_key_file = "cookie.key"
[identity]
assertion_key_file = "assertion.key"
[control]
enabled = true
database = "gateway.sqlite"
[log]
access = false
"""


class Gateway:
    """The gateway with a database in its own folder."""

    def __init__(self, folder, programs):
        self.folder, self.program = folder, programs / "gateway"
        self.ports = free_ports("gateway", "admin", "upstream")
        self.secret = secrets.token_urlsafe(32)
        (folder / "acme.client").write_text(self.secret)
        (folder / "acme.secret").write_text(secrets.token_urlsafe(48))
        (folder / "gateway.conf").write_text(GATEWAY.format(**self.ports))

    @contextlib.contextmanager
    def started(self):
        """Starts it. Returns the process and the seconds until it was ready."""
        with open(self.folder / "gateway.log", "ab") as log:
            start = time.monotonic()
            with running([self.program, "run", self.folder / "gateway.conf"], log) as process:
                self.wait(process)
                yield process, time.monotonic() - start
                process.terminate()
                process.wait(60)

    def wait(self, process):
        while process.poll() is None:
            with contextlib.suppress(OSError):
                with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['admin']}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            time.sleep(0.002)
        raise SystemExit("the gateway does not start:\n" + (self.folder / "gateway.log").read_text()[-2000:])

    def token(self):
        body = {"client_id": "acme", "client_secret": self.secret, "grant_type": "client_credentials"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['gateway']}/api/oauth/token", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["access_token"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--registrations", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--folder", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-", dir=options.folder) as folder:
        gateway = Gateway(pathlib.Path(folder), options.programs)
        with gateway.started() as (process, seconds):
            report("start with an empty database", seconds, "s", None)
            report("memory with an empty database", resident(process.pid) / 1e6, "MB", None)
        seed(gateway.folder, options.events, options.registrations)
        size = (gateway.folder / "gateway.sqlite").stat().st_size
        print(f"{options.events:,} events and {options.registrations:,} registrations, {size / 1e6:.0f} MB on disk")
        for _ in range(3):
            with gateway.started() as (process, seconds):
                report("start until ready", seconds, "s", START_LIMIT)
        with gateway.started() as (process, _):
            report("resident memory", resident(process.pid) / 1e6, "MB", MEMORY_LIMIT / 1e6)
            for call in ("embedCode", "registrant"):
                load(gateway, process, call, options.seconds)
            report("resident memory after it", resident(process.pid) / 1e6, "MB", None)


def seed(folder, events, registrations):
    """Fills the database created by the gateway, in one transaction."""
    chance = random.Random(1)
    now = int(time.time() * 1000)

    def uid():
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    def event_rows():
        for number in range(1, events + 1):
            start = now + chance.randrange(-30, 60) * 86_400_000
            yield (number, uid(), f"Event {number}", start, start + 7_200_000,
                   json.dumps([f"presenter{number}@example.com"]), json.dumps([f"organizer{number}@example.com"]), now)

    def registration_rows():
        for number in range(1, registrations + 1):
            email = f"viewer{number}@example.com"
            yield (number, uid(), number % events + 1, f"Viewer {number}", email, email, '{"seat":1}',
                   chance.getrandbits(60), now)

    with contextlib.closing(sqlite3.connect(folder / "gateway.sqlite")) as database, database:
        database.executemany(
            "INSERT INTO event (id, uid, company, creator, kind, name, starts_at, ends_at, timezone, type, presenters,"
            " organizers, registration_mode, metadata, created_at)"
            " VALUES (?, ?, 'acme', 'acme', 'event', ?, ?, ?, 'UTC', 'Virtual', ?, ?, 0, '{}', ?)", event_rows())
        database.executemany(
            "INSERT INTO registration (id, uid, event, name, email, folded_email, metadata, join_code, registered_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", registration_rows())
        rows = database.execute("SELECT uid FROM event ORDER BY id LIMIT ?", (BUSY_EVENTS,))
        (folder / "events").write_text("".join(f"{row[0]}\n" for row in rows))


def load(gateway, process, call, seconds):
    """Measures requests at full speed, then the latency at 2,000 per second."""
    def wrk(pause):
        command = [
            "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "10s",
            "-s", pathlib.Path(__file__).with_name("control.lua"), f"http://127.0.0.1:{gateway.ports['gateway']}", "--",
            call, gateway.token(), secrets.token_hex(6) + "-", gateway.folder / "events", f"{pause:g}"]
        report = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
        if fault := re.search(r"Non-2xx.*|Socket errors.*", report):
            raise SystemExit(f"{call}: {fault[0]}")
        return report
    wrk(PAUSE)
    before = cpu_time(process.pid)
    fast = wrk(0)
    used = cpu_time(process.pid) - before
    count = int(re.search(r"(\d+) requests in", fast)[1])
    report(f"{call}, as fast as it goes", requests_a_second(fast), "requests/s", RATE_LIMIT, at_least=True)
    print(f"    {used / count * 1e6:.0f} µs of CPU time each, p99 {percentile(fast):.1f} ms")
    paced = wrk(PAUSE)
    report(f"{call}, p99 at {requests_a_second(paced):,.0f} requests/s", percentile(paced), "ms", LATENCY_LIMIT)


def requests_a_second(report):
    return float(re.search(r"Requests/sec:\s+(\S+)", report)[1])


def percentile(report):
    """p99 of wrk's report, in milliseconds."""
    number, unit = re.search(r"(?m)^\s+99%\s+([\d.]+)(us|ms|s)$", report).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def report(what, value, unit, limit, at_least=False):
    text = f"  {what:<52} {value:10,.2f} {unit}"
    if limit is not None:
        reached = value >= limit if at_least else value <= limit
        text += f", at {'least' if at_least else 'most'} {limit:,.0f} wanted: {'reached' if reached else 'missed'}"
    print(text, flush=True)


if __name__ == "__main__":
    main()

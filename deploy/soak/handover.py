"""Hand-overs under load: see deploy/soak/handover."""

import argparse
import asyncio
import collections
import hashlib
import hmac
import json
import pathlib
import secrets
import statistics
import sys
import tempfile
import time

from processes import end_on_signals, free_ports
from tokens import compact

DRAIN = 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Gateway:
    """The gateway under test: its configuration, and the process that serves at present."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.ports = free_ports("viewers", "admin", "host")
        self.secret = secrets.token_urlsafe(32)
        self.log = folder / "gateway.log"
        self.process = None
        self.former = []
        (folder / "acme.secret").write_text(self.secret)
        (folder / "gateway.conf").write_text(f"""public_url = "http://localhost:{self.ports['viewers']}"
drain_timeout = "{DRAIN}s"
[[listener]]
address = "127.0.0.1:{self.ports['viewers']}"
[admin]
address = "127.0.0.1:{self.ports['admin']}"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{self.ports['host']}"]
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
[[company.key]]
id = "acme-2026"
algorithm = "HS256"
secret_file = "acme.secret"
[sessions]
cookie_key_file = "cookie.key"
second_join = "refuse"
[identity]
assertion_key_file = "assertion.key"
[limits]
joins_per_minute = 0
failures_per_minute = 0
[control]
enabled = true
database = "gateway.sqlite"
[log]
access = false
""")

    def token(self, registration):
        claims = {"companyId": "acme", "eventId": "launch", "registrationId": registration, "exp": int(time.time()) + 7200}
        header = {"alg": "HS256", "kid": "acme-2026"}
        return compact(header, claims, lambda part: hmac.new(self.secret.encode(), part, hashlib.sha256).digest())

    async def start(self, *options):
        log = self.log.open("a")
        return await asyncio.create_subprocess_exec(
            self.program, "run", *options, self.folder / "gateway.conf", stdout=log, stderr=log)

    async def until_told(self, text, process, seconds=60):
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text():
            if process.returncode is not None or time.monotonic() > deadline:
                sys.exit(f"waited for {text!r}:\n" + self.log.read_text()[-4000:])
            await asyncio.sleep(0.005)

    async def take_over(self):
        """Starts a successor, and returns the seconds until it serves."""
        began = time.monotonic()
        successor = await self.start("--take-over")
        await self.until_told(f"process {successor.pid} took over from process {self.process.pid}", successor)
        took = time.monotonic() - began
        self.former.append(self.process)
        self.process = successor
        return took

    async def end(self):
        for process in [*self.former, *([self.process] if self.process else [])]:
            if process.returncode is None:
                process.kill()
                await process.wait()


class Connection:
    """A client's connection, for one request after the other."""

    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def ask(self, path, fields=(), method="GET"):
        if not self.writer:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)).decode("latin-1").split("\r\n")
        answer = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await self.reader.readexactly(int(answer.get("content-length", 0)))
        if answer.get("connection", "").lower() == "close":
            self.close()
        return int(head[0].split()[1]), answer, body

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None


async def fetch(port, path, fields=(), method="GET"):
    connection = Connection(port)
    try:
        return await connection.ask(path, [*fields, "Connection: close"], method)
    finally:
        connection.close()


async def serve(reader, writer):
    """The embed host: answers everything."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


class Load:
    """Viewers who have joined: half of them keep their connections, half make a new one for each request. Others join."""

    def __init__(self, gateway, sessions):
        self.gateway, self.sessions = gateway, sessions
        self.counts, self.faults = collections.Counter(), collections.Counter()
        self.slowest = 0.0
        self.is_over = False

    async def run(self, number):
        port, connection, turn = self.gateway.ports["viewers"], None, number
        while not self.is_over:
            turn += 1
            if number % 2 == 0 or connection is None:
                if connection:
                    connection.close()
                connection = Connection(port)
            began = time.monotonic()
            try:
                if turn % 7 == 0:
                    what = "joins"
                    field = f"Authorization: Bearer {self.gateway.token(f'new-{number}-{turn}')}"
                elif turn % 7 == 1:
                    what = "second joins"
                    field = f"Authorization: Bearer {self.gateway.token(f'r-{turn % len(self.sessions)}')}"
                else:
                    what = "requests"
                    field = f"Gateway-Session: {self.sessions[turn % len(self.sessions)]}"
                status, _, _ = await connection.ask("/event/launch/x", [field])
                self.counts[what] += 1
                if status != (409 if what == "second joins" else 200):
                    self.faults[f"{what}: {status}"] += 1
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                self.faults[f"{what}: {error!r}"] += 1
                connection.close()
            self.slowest = max(self.slowest, time.monotonic() - began)


async def admin(gateway, path, method="GET"):
    status, _, body = await fetch(gateway.ports["admin"], path, method=method)
    if status != 200:
        sys.exit(f"{method} {path}: {status} {body!r}")
    return json.loads(body)


async def main(options):
    with tempfile.TemporaryDirectory() as name:
        gateway = Gateway(options.program.resolve(), pathlib.Path(name))
        host = await asyncio.start_server(serve, "127.0.0.1", gateway.ports["host"], backlog=1024)
        try:
            return await soak(gateway, options)
        finally:
            await gateway.end()
            host.close()


async def soak(gateway, options):
    gateway.process = await gateway.start()
    await gateway.until_told("admin listens on", gateway.process)
    port = gateway.ports["viewers"]
    sessions = []
    for number in range(options.sessions):
        _, answer, _ = await fetch(port, "/event/launch/x", [f"Authorization: Bearer {gateway.token(f'r-{number}')}"])
        sessions.append(answer["gateway-session"])
    _, answer, _ = await fetch(port, "/event/launch/x", [f"Authorization: Bearer {gateway.token('kicked')}"])
    kicked = answer["gateway-session"]
    await admin(gateway, "/sessions?registration=kicked", "DELETE")
    load = Load(gateway, sessions)
    clients = [asyncio.create_task(load.run(number)) for number in range(options.clients)]
    times, faults = [], collections.Counter()
    for _ in range(options.count):
        answered = sum(load.counts.values())
        while sum(load.counts.values()) < answered + 20 * options.clients:
            await asyncio.sleep(0.01)
        times.append(await gateway.take_over())
        if (await fetch(port, "/event/launch/x", [f"Gateway-Session: {kicked}"]))[0] != 403:
            faults["a kicked session came back"] += 1
        if (await admin(gateway, "/sessions?limit=1"))["total"] < options.sessions:
            faults["sessions were lost from the list"] += 1
    load.is_over = True
    await asyncio.gather(*clients)
    for process in gateway.former:
        if await asyncio.wait_for(process.wait(), DRAIN + 30) != 0:
            faults["a former process did not end with 0"] += 1
    for session in sessions:
        if (await fetch(port, "/event/launch/x", [f"Gateway-Session: {session}"]))[0] != 200:
            faults["a session was lost"] += 1
    faults += load.faults
    print(f"{len(times)} hand-overs, each {statistics.median(times):.2f} s from the start of the program, at most "
          f"{max(times):.2f} s; " + ", ".join(f"{count} {what}" for what, count in sorted(load.counts.items()))
          + f"; the slowest took {load.slowest:.2f} s")
    for what, count in sorted(faults.items()):
        print(f"{count} times: {what}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=100)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--clients", type=int, default=16)
    end_on_signals()
    sys.exit(asyncio.run(main(parser.parse_args())))

"""Memory that idle clients and WebSockets need, how soon sockets learn that their session is over, and the lease table."""

import base64
import os
import re
import selectors
import socket
import statistics
import subprocess
import time

from bench import PATH
from processes import resident
from results import Fault
from subjects import ENVOY, GATEWAY, HAPROXY, HAPROXY_JWT, NGINX, PLAIN
from transfers import context

CLIENTS = 8_000
KICKS = 1_000
LEASES = 1_000_000
SOCKET_PATH = "/event/e1/socket"
BYTES = "bytes each"


def request(path, token, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n{more}\r\n".encode()


def upgrade(token):
    nonce = base64.b64encode(os.urandom(16)).decode()
    return request(
        SOCKET_PATH, token, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {nonce}\r\n")


def asked(port, data, status, secure):
    """Opens a connection, sends one request and reads its small response."""
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    if secure:
        client = secure.wrap_socket(client, server_hostname="localhost")
    client.sendall(data)
    answer = client.recv(8192)
    if not answer.startswith(b"HTTP/1.1 %d " % status):
        raise Fault(repr(answer[:200]))
    return client


def clients(field, options, results):
    for name, transport in (("HTTP/1.1", "http1"), ("HTTP/1.1 over TLS 1.3", "tls")):
        compare(field, options, results, "idle clients", name, (GATEWAY, HAPROXY_JWT, HAPROXY, NGINX, ENVOY), transport,
                lambda token: request(PATH, token), 200)


def sockets(field, options, results):
    for name, transport in (("clear text", "http1"), ("TLS 1.3", "tls")):
        compare(field, options, results, "idle WebSockets", name, PLAIN, transport, upgrade, 101)


def compare(field, options, results, part, name, subjects, transport, make_request, status):
    """Measures what idle connections add to a fresh process that has served one before."""
    tokens = field.bench.keys.tokens("viewer", CLIENTS)
    secure = context() if transport == "tls" else None

    def cost(subject):
        port = subject.port(field.bench, transport)
        with field.running([subject]) as processes:
            asked(port, make_request(tokens[0]), status, secure).close()
            before = resident(processes[subject.name].pid)
            opened = [asked(port, make_request(token), status, secure) for token in tokens]
            time.sleep(1)
            added = resident(processes[subject.name].pid) - before
            for client in opened:
                client.close()
        return [added / CLIENTS]
    results.measure(part, [f"{name}, {CLIENTS:,} of them"], BYTES, field.among(subjects), max(1, options.rounds // 2), cost)


def kicks(field, results):
    """Joins again for some of the viewers, and times the close frame of the socket that each replaces."""
    bench = field.bench
    tokens = bench.keys.tokens("viewer", CLIENTS)
    port = GATEWAY.port(bench, "http1")
    delays = []
    with field.running([GATEWAY]), selectors.DefaultSelector() as selector:
        opened = [asked(port, upgrade(token), 101, None) for token in tokens]
        for client, token in zip(opened[:KICKS], tokens):
            selector.register(client, selectors.EVENT_READ)
            with asked(port, request(PATH, token), 200, None):
                granted = time.monotonic()
                selector.select(5)
                frame = client.recv(4096)
                delays.append((time.monotonic() - granted) * 1000)
            if frame[:1] != b"\x88" or int.from_bytes(frame[2:4]) != 4409:
                raise SystemExit(f"a replaced socket got {frame[:40]!r}")
            selector.unregister(client)
        for client in opened:
            client.close()
    worst = max(delays)
    results.measure(
        "kicks", [f"median of {KICKS:,}, {CLIENTS:,} sockets open", "worst"], "ms", [GATEWAY], 1,
        lambda _: [statistics.median(delays), worst])


def leases(program, results):
    """A million leases, in a program of their own."""
    report = subprocess.run([program, str(LEASES)], check=True, capture_output=True, text=True).stdout
    memory = int(re.search(r"resident:.* (\d+) each", report)[1])
    results.measure("leases", [f"memory, {LEASES:,} of them"], BYTES, [GATEWAY], 1, lambda _: [memory])
    times = re.findall(r"(?m)^(.+): (\d+) ns$", report)
    results.measure("leases", [name for name, _ in times], "ns", [GATEWAY], 1, lambda _: [int(time) for _, time in times])

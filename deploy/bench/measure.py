"""Measures the gateway beside HAProxy: CPU time, latency, memory. Started by `run`.

Both stand in front of the same servers and get the same requests, one after the other, in rounds.
"""

import argparse
import contextlib
import pathlib
import resource
import socket
import subprocess
import sys
import tempfile
import time

import sockets
import speed
import tls
from servers import PATH, Servers, resident

IDLE_VIEWERS = 8_000
LEASES = 1_000_000
PARTS = ("http1", "http2", "handshakes", "bodies", "viewers", "sockets", "leases")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder, contextlib.ExitStack() as exits:
        servers = Servers(pathlib.Path(folder), options.programs, exits)
        parts = {
            "http1": lambda: speed.http1(servers, options),
            "http2": lambda: speed.http2(servers, options),
            "handshakes": lambda: tls.handshakes(servers),
            "bodies": lambda: tls.bodies(servers, options.rounds),
            "viewers": lambda: viewers(servers),
            "sockets": lambda: sockets.memory(servers),
            "leases": lambda: leases(options.programs),
        }
        for part in PARTS:
            if part in options.only:
                parts[part]()


def viewers(servers):
    tokens = [servers.token(f"viewer-{number}") for number in range(IDLE_VIEWERS)]
    print(f"\nResident memory that {IDLE_VIEWERS:,} idle keep-alive viewers add, each with a token of its own")
    with servers.proxies() as proxies:
        for name, server, port in zip(("HAProxy, HS256 checked", "gateway"), proxies, ("hs256", "gateway")):
            ask(servers.ports[port], tokens[:1])[0].close()
            before = resident(server.pid)
            clients = ask(servers.ports[port], tokens)
            time.sleep(1)
            added = resident(server.pid) - before
            target = ", at most 80.0 wanted" if name == "gateway" else ""
            print(f"  {name:<34} {added / 1e6:6.1f} MB, {added / IDLE_VIEWERS / 1024:.1f} KiB each{target}", flush=True)
            for client in clients:
                client.close()


def ask(port, tokens):
    """One keep-alive connection for each token, after one request on it."""
    clients = []
    for token in tokens:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        answer = client.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"port {port}: {answer[:200]!r}")
        clients.append(client)
    return clients


def leases(programs):
    print(f"\nLeases, {LEASES:,} of them: at most 200 bytes each and 1000 ns an operation wanted", flush=True)
    report = subprocess.run([programs / "lease-benchmark", str(LEASES)], check=True, capture_output=True, text=True).stdout
    print("\n".join("  " + line for line in report.splitlines()))


if __name__ == "__main__":
    main()

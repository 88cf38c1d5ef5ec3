"""Idle WebSockets: what they need of memory, and how soon they learn that their session is over."""

import base64
import os
import selectors
import socket
import statistics
import sys
import time

import tls
from servers import PATH, compare, resident

SOCKETS = 8_000
KICKS = 1_000
SOCKET_PATH = "/event/e1/socket"


def handshake(port, token, secure):
    """An open WebSocket."""
    client = socket.create_connection(("127.0.0.1", port))
    if secure:
        client = secure.wrap_socket(client, server_hostname="localhost")
    nonce = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {nonce}\r\n\r\n".encode())
    answer = client.recv(4096)
    if not answer.startswith(b"HTTP/1.1 101 "):
        sys.exit(f"port {port}: {answer[:200]!r}")
    return client


def memory(servers):
    tokens = [servers.token(f"viewer-{number}") for number in range(SOCKETS)]
    for name, secure, suffix, target in (("TLS", tls.context(), "_tls", 1.00), ("clear text", None, "", 2.00)):
        print(f"\nResident memory that {SOCKETS:,} idle WebSockets add, {name}", flush=True)
        costs = []
        with servers.proxies() as proxies:
            for who, server, port in zip(("HAProxy", "gateway"), proxies, ("plain", "gateway")):
                handshake(servers.ports[port + suffix], tokens[0], secure).close()
                before = resident(server.pid)
                clients = [handshake(servers.ports[port + suffix], token, secure) for token in tokens]
                time.sleep(1)
                costs.append(resident(server.pid) - before)
                print(f"  {who:<34} {costs[-1] / 1e6:6.1f} MB, {costs[-1] / SOCKETS / 1024:.1f} KiB each", flush=True)
                if who == "gateway" and not secure:
                    kicks(servers, clients, tokens)
                for client in clients:
                    client.close()
        compare(f"memory, {name}", costs[1], costs[0], "", target)


def kicks(servers, clients, tokens):
    """Joins again for some of the viewers: from the granted join to the close frame at the first socket."""
    delays = []
    selector = selectors.DefaultSelector()
    for client, token in zip(clients[:KICKS], tokens):
        selector.register(client, selectors.EVENT_READ)
        with socket.create_connection(("127.0.0.1", servers.ports["gateway"])) as second:
            second.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
            answer = second.recv(4096)
            granted = time.monotonic()
            if not answer.startswith(b"HTTP/1.1 200 "):
                sys.exit(f"second join: {answer[:200]!r}")
            selector.select(5)
            frame = client.recv(4096)
            delays.append(time.monotonic() - granted)
            if frame[:1] != b"\x88" or int.from_bytes(frame[2:4]) != 4409:
                sys.exit(f"a replaced socket got {frame[:40]!r}")
        selector.unregister(client)
    middle, worst = statistics.median(delays) * 1000, max(delays) * 1000
    verdict = "reached" if middle <= 50 and worst <= 1000 else "missed"
    print(f"  kick, {KICKS:,} of {len(clients):,} sockets: close frame 4409 after {middle:.1f} ms at the median, "
          f"{worst:.1f} at worst, targets 50 and 1000: {verdict}", flush=True)

"""Embed hosts that nginx cannot stand in for: one holds WebSockets open, one reads uploads.

    upstreams.py sockets|sink PORT
"""

import base64
import hashlib
import re
import resource
import selectors
import socket
import sys
import threading

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def hold_sockets(listener):
    """Accepts WebSocket handshakes and keeps the connections open until they end."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    heads = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                client, _ = listener.accept()
                selector.register(client, selectors.EVENT_READ)
                heads[client] = b""
                continue
            client = key.fileobj
            try:
                data = client.recv(65536)
            except OSError:
                data = b""
            if not data:
                selector.unregister(client)
                heads.pop(client, None)
                client.close()
            elif client in heads:
                heads[client] += data
                if heads[client].endswith(b"\r\n\r\n"):
                    nonce = re.search(rb"(?im)^sec-websocket-key: *([^\r]*)", heads.pop(client))[1]
                    accept = base64.b64encode(hashlib.sha1(nonce + GUID).digest())
                    client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                   b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")


def swallow(client):
    """Reads uploads completely and answers each."""
    buffer = bytearray(1 << 20)
    with client:
        head = b""
        while True:
            count = client.recv_into(buffer)
            if not count:
                return
            head += buffer[:count]
            while (end := head.find(b"\r\n\r\n")) >= 0:
                length = re.search(rb"(?im)^content-length: *(\d+)", head[:end])
                left = (int(length[1]) if length else 0) - (len(head) - end - 4)
                while left > 0:
                    count = client.recv_into(buffer, min(left, len(buffer)))
                    if not count:
                        return
                    left -= count
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                head = b""


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kind, port = sys.argv[1], int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    if kind == "sockets":
        hold_sockets(listener)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=swallow, args=(client,), daemon=True).start()


main()

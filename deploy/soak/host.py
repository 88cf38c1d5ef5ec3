"""A server of the embed host: answers in every way, goes down and comes back, and checks what reaches it."""

import asyncio
import contextlib
import dataclasses
import json
import os
import socket

import sockets
from arrivals import Seen, judge
from http1 import read_chunks, read_head, read_length
from ledger import pattern
from network import Cut, reset
from starvation import SHORT

PIECE = 16384


@dataclasses.dataclass
class Connection:
    """How many requests it has had, and the last of them."""
    requests: int = 0
    nonce: str | None = None


class Host:
    def __init__(self, ledger, port, rng):
        self.ledger, self.port, self.rng = ledger, port, rng
        self.server = None
        # What has come on each connection, by its writer.
        self.connections = {}
        self.tasks = set()

    async def start(self):
        self.server = await asyncio.start_server(self.welcome, "127.0.0.1", self.port, limit=1 << 16, backlog=1024)

    async def stop(self, resets=False):
        """Takes it away, and all its connections with it."""
        if self.server:
            self.ledger.unread = self.refuse_waiting()
            self.server.close()
            self.server = None
        for connection in self.connections.values():
            if connection.requests == 0:
                self.ledger.unread += 1
            elif connection.requests == 1:
                self.ledger.unanswerable.add(connection.nonce)
        for writer in list(self.connections):
            if resets:
                reset(writer)
            else:
                writer.transport.abort()

    def refuse_waiting(self):
        """Ends the connections that the kernel holds for it, and returns their number."""
        count = 0
        for listener in self.server.sockets:
            # A duplicate, since asyncio's own has no `accept`.
            with socket.socket(fileno=os.dup(listener.fileno())) as own, contextlib.suppress(BlockingIOError):
                # The kernel takes at most one more, which it resets.
                own.listen(0)
                count += 1
                while True:
                    own.accept()[0].close()
                    count += 1
        return count

    def welcome(self, reader, writer):
        """Not a coroutine, so that a connection is known as soon as there is one."""
        connection = self.connections[writer] = Connection()
        self.ledger.count("embed host: connections")
        if not self.server:
            # Killed as it came.
            self.ledger.unread += 1
        task = asyncio.create_task(self.serve(reader, writer, connection))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader, writer, connection):
        try:
            while self.server and await self.serve_one(reader, writer, connection):
                pass
        except (OSError, Cut, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.ledger.fault("the gateway's request could not be read", repr(error))
        finally:
            del self.connections[writer]
            writer.close()

    async def serve_one(self, reader, writer, connection):
        first, fields = await read_head(reader)
        seen = Seen(first, fields)
        connection.requests += 1
        connection.nonce = seen.nonce
        self.ledger.count("embed host: requests")
        judge(self.ledger, seen)
        storm, pick = self.ledger.storm, self.rng.random()
        if storm and pick < 0.08:
            # Ends before the answer: with a reset, with a goodbye, with something that is no answer, or not at all.
            way = self.rng.choice(("reset", "goodbye", "nonsense", "hang"))
            self.ledger.count(f"embed host: {way} before the answer")
            if way == "reset":
                reset(writer)
            elif way == "nonsense":
                writer.write(b"HTTP/1.1 2OO Fine\r\nContent-Length: 1, 2\r\n\r\n")
            elif way == "hang":
                while await reader.read(PIECE):
                    pass
            return False
        if seen.kind == "socket":
            await self.echo(seen, reader, writer)
            return False
        if seen.kind == "early":
            await self.answer(seen, writer, b"early", ["Connection: close"])
            return False
        uploaded = await self.read_body(seen, reader)
        if uploaded is not None:
            good, size = uploaded
            if not good:
                self.ledger.fault("an upload was changed", f"{seen.nonce}, {size} bytes")
        await self.respond(seen, writer, uploaded)
        if pick > 0.97:
            # Announced, which costs no request anything, or not, which a request that may be repeated survives.
            return False
        return "connection: close" not in {f"{name}: {value}" for name, value in seen.fields}

    async def read_body(self, seen, reader):
        """Whether the upload is what the client sent, and its size. None for no body."""
        length = seen.value("content-length")
        if seen.value("transfer-encoding"):
            parts = read_chunks(reader)
        elif length is not None:
            parts = read_length(reader, int(length))
        else:
            return None
        good, size = True, 0
        async for part in parts:
            good = good and part == pattern(seen.key, len(part), size)
            size += len(part)
            if seen.kind == "slow-upload":
                await asyncio.sleep(0.05)
        return good, size

    async def answer(self, seen, writer, body, more=()):
        await self.begin(seen, writer, [f"Content-Length: {len(body)}", *more])
        if seen.method != "HEAD":
            writer.write(body)
        await writer.drain()

    async def begin(self, seen, writer, more):
        """Sends a head that says who the host thinks is there."""
        identity = seen.identity()
        who = json.dumps([seen.nonce, identity.get("user-id"), identity.get("registration"), identity.get("event"),
                          identity.get("session")])
        lines = ["HTTP/1.1 200 OK", "Server: soak", f"X-Seen: {who}", "Content-Type: application/octet-stream", *more]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def respond(self, seen, writer, uploaded):
        size = int(seen.query.get("size", 100))
        if seen.kind == "upload" or seen.kind == "slow-upload":
            good, length = uploaded or (True, 0)
            await self.answer(seen, writer, json.dumps({"good": good, "size": length}).encode())
            return
        if seen.kind == "slow":
            await asyncio.sleep(float(seen.query.get("wait", 0.5)))
        if seen.kind in ("chunked", "trickle") and seen.method != "HEAD":
            await self.begin(seen, writer, ["Transfer-Encoding: chunked"])
            sent = 0
            while sent < size:
                step = min(self.rng.randint(1, 9000), size - sent)
                writer.write(b"%x\r\n%s\r\n" % (step, pattern(seen.key, step, sent)))
                await writer.drain()
                sent += step
                if seen.kind == "trickle":
                    await asyncio.sleep(0.05)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            return
        if seen.kind == "broken":
            await self.begin(seen, writer, [f"Content-Length: {size}"])
            writer.write(pattern(seen.key, size // 2))
            await writer.drain()
            await asyncio.sleep(self.rng.random() / 20)
            if self.rng.random() < 0.5:
                reset(writer)
            raise Cut("on purpose")
        if size <= PIECE or seen.method == "HEAD":
            await self.answer(seen, writer, pattern(seen.key, size))
            return
        await self.begin(seen, writer, [f"Content-Length: {size}"])
        for start in range(0, size, PIECE):
            writer.write(pattern(seen.key, min(PIECE, size - start), start))
            await writer.drain()

    def expect_lease(self, seen):
        """Nothing comes on a WebSocket whose session was replaced a while ago."""
        identity = self.ledger.visits.get(seen.nonce.partition(".")[0])
        session = seen.value("x-gateway-session")
        if identity and identity.registration and self.ledger.leases.is_replaced(identity, session):
            self.ledger.suspect("a WebSocket of a replaced session goes on", f"{seen.nonce} {session}", stall=SHORT)

    async def echo(self, seen, reader, writer):
        """A WebSocket that returns what it gets."""
        nonce = seen.value("sec-websocket-key")
        if not nonce:
            await self.answer(seen, writer, b"no WebSocket", ["Connection: close"])
            return
        writer.write((f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      f"Sec-WebSocket-Accept: {sockets.accept(nonce)}\r\n\r\n").encode())
        self.ledger.count("embed host: sockets")
        while True:
            opcode, payload = await sockets.read_frame(reader.readexactly)
            self.expect_lease(seen)
            if opcode == sockets.PING:
                opcode = sockets.PONG
            writer.write(sockets.frame(opcode, payload, masked=False))
            await writer.drain()
            if opcode == sockets.CLOSE:
                # Whoever asked for the end is the first to close.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(5):
                        await reader.read()
                return
            if self.ledger.storm and self.rng.random() < 0.05:
                return

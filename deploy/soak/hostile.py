"""Clients that mean no good, and clients that are merely broken. None of them has a token that is valid."""

import asyncio
import os
import socket

import h2.config
import h2.connection

from ledger import Identity, pattern
from network import ADDRESSES, Cut, reset

SMUGGLED = "GET /event/a-1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
# Requests whose length two servers could read differently, each with another one inside.
AMBIGUOUS = [
    "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Transfer-Encoding: chunked\r\n\r\n5;a\nGET\r\n0\r\n\r\n",
    "GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}X:\r\n y\r\n\r\n",
    "GET {path}\nHost: localhost\n{more}\n\n",
]


class Hostile:
    def __init__(self, network, gateway, rng):
        self.network, self.gateway, self.rng = network, gateway, rng
        self.ledger = gateway.ledger
        self.name = self.ledger.new_visit(None)
        self.requests = 0
        self.listener = rng.choice(("clear", "tls"))
        self.address = rng.choice(ADDRESSES)

    def fields(self):
        self.requests += 1
        return f"X-Nonce: {self.name}.{self.requests}\r\n"

    def forged(self):
        """A token for somebody who exists, which is not signed by any key of theirs."""
        rng = self.rng
        person = Identity("acme", "a-1", "user-1", "R-1" if rng.random() < 0.5 else None, "Ada", "viewer.1@example.com")
        way = rng.randrange(4)
        if way == 0:
            return self.gateway.token(person, self.gateway.current, secret="somebody else's secret, long enough as such")
        if way == 1:
            return self.gateway.token(person, self.gateway.current, lifetime=-60)
        if way == 2:
            # A key of another company.
            return self.gateway.token(person, "globex-new")
        token = self.gateway.token(person, self.gateway.current)
        return token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")

    def connection(self, **options):
        return self.network.connection(self.listener, self.address, **{"protocols": ("http/1.1",), **options})

    async def half_head(self):
        async with self.connection() as (reader, writer):
            writer.write(b"GET /public/plain HTTP/1.1\r\nHost: loc" + self.rng.choice((b"", b"alhost", b"alhost\r")))
            await self.listen(reader, 8)

    async def garbage(self):
        async with self.connection(tls=False) as (reader, writer):
            writer.write(self.rng.choice((os.urandom(self.rng.randint(1, 5000)), b"\x16\x03\x01\x02\x00" + os.urandom(600),
                                          b"\r\n" * 500, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 3000)))
            await self.listen(reader, 5)

    async def connect_only(self):
        """Comes, waits a little, and goes: before or after TLS is there."""
        async with self.connection(tls=self.listener == "tls" and self.rng.random() < 0.5) as (_, writer):
            await asyncio.sleep(self.rng.random() * 2)
            if self.rng.random() < 0.5:
                reset(writer)

    async def slow_reader(self):
        async with self.connection(buffer=1024) as (reader, writer):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            writer.write(f"GET /public/plain?size=5000000 HTTP/1.1\r\nHost: localhost\r\n{self.fields()}\r\n".encode())
            for _ in range(self.rng.randint(5, 60)):
                if not await reader.read(1000):
                    return
                await asyncio.sleep(0.25)
            if self.rng.random() < 0.5:
                reset(writer)

    async def slow_writer(self):
        async with self.connection() as (_, writer):
            fields = self.fields()
            key = fields.split()[1] + ":"
            writer.write(f"POST /public/upload HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: 5000\r\n\r\n".encode())
            for number in range(self.rng.randint(5, 60)):
                writer.write(pattern(key, 1, number))
                await writer.drain()
                await asyncio.sleep(0.25)

    async def flood(self):
        """More requests than it ever reads answers to."""
        async with self.connection() as (reader, writer):
            path = self.rng.choice(("/public/plain?size=2000", "/.gateway/healthz", "/event/a-1/plain"))
            for _ in range(self.rng.randint(10, 400)):
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{self.fields()}\r\n".encode())
            if self.rng.random() < 0.5:
                await self.listen(reader, 2)
            reset(writer)

    async def forgery(self):
        async with self.connection() as (reader, writer):
            for _ in range(self.rng.randint(1, 20)):
                writer.write(f"GET /event/a-1/plain HTTP/1.1\r\nHost: localhost\r\n{self.fields()}"
                             f"X-Gateway-User-Id: user-1\r\nAuthorization: Bearer {self.forged()}\r\n\r\n".encode())
            await self.listen(reader, 3)

    async def smuggling(self):
        """What is inside never arrives as a request of its own: it has no number, and so would be a fault."""
        async with self.connection() as (reader, writer):
            path = self.rng.choice(("/public/plain", "/event/a-1/plain"))
            text = self.rng.choice(AMBIGUOUS).format(path=path, more=self.fields())
            writer.write((text + SMUGGLED).encode())
            await self.listen(reader, 3)

    async def http2(self):
        """Frames in numbers and orders that no browser sends."""
        async with self.connection(protocols=("h2",)) as (reader, writer):
            frames = h2.connection.H2Connection(h2.config.H2Configuration(validate_outbound_headers=False))
            frames.initiate_connection()
            way = self.rng.choice(("resets", "pings", "settings", "stalled", "half", "noise", "goodbye"))
            self.ledger.count(f"hostile: http2 {way}")
            head = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"),
                    (":path", "/public/plain?size=70000")]
            for _ in range(self.rng.randint(1, 150) if way == "resets" else 5 if way != "noise" else 0):
                number = frames.get_next_available_stream_id()
                self.requests += 1
                frames.send_headers(number, [*head, ("x-nonce", f"{self.name}.{self.requests}")], end_stream=True)
                if way == "resets":
                    frames.reset_stream(number)
            for _ in range(self.rng.randint(1, 2000)):
                if way == "pings":
                    frames.ping(b"12345678")
                elif way == "settings":
                    frames.update_settings({3: self.rng.randint(1, 100)})
            if way == "goodbye":
                frames.close_connection()
            data = frames.data_to_send()
            if way == "half":
                data = data[:-self.rng.randint(1, 30)]
            elif way == "noise":
                data += os.urandom(3000)
            writer.write(data)
            # Without ever giving the window back, so that the answers stall.
            await self.listen(reader, self.rng.uniform(0.5, 8))

    async def listen(self, reader, seconds):
        """Reads until the gateway closes, but no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                while await reader.read(1 << 16):
                    pass
        except TimeoutError:
            pass


async def annoy_forever(network, gateway, rng):
    ways = ("half_head", "garbage", "connect_only", "slow_reader", "slow_writer", "flood", "forgery", "smuggling", "http2")
    while True:
        await asyncio.sleep(rng.random())
        way = rng.choice(ways)
        gateway.ledger.count(f"hostile: {way}")
        try:
            await getattr(Hostile(network, gateway, rng), way)()
        except (Cut, OSError):
            gateway.ledger.count("hostile clients that were cut")

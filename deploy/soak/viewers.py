"""Viewers: how they send what a stay consists of, over HTTP/1.1, HTTP/2 and WebSockets."""

import asyncio
import contextlib
import struct

import sockets
from http1 import PATIENCE, Answer, Late, read_answer
from http2 import HTTP2
from ledger import pattern
from network import Cut, Wrong, reset
from stays import Stay

CLOSE_CODES = {1000, 1001, 1014, 4401, 4403, 4409, 4410, 4411, 4413, 4429}


class Visit(Stay):
    """One connection after another, over one protocol."""

    async def run(self):
        """Some connections, with some actions each."""
        for _ in range(self.rng.randint(1, 3)):
            protocols = ("h2",) if self.is_http2 else ("http/1.1",)
            async with self.network.connection(self.listener, self.address, protocols, buffer=1 << 15) as (reader, writer):
                if self.is_http2:
                    async with HTTP2(reader, writer, self.authority, self.listener == "tls") as connection:
                        await self.browse_streams(connection)
                else:
                    await self.browse(reader, writer)
                if self.rng.random() < 0.3:
                    reset(writer)

    # Over HTTP/1.1.

    async def browse(self, reader, writer):
        for _ in range(self.rng.randint(1, 12)):
            pick = self.rng.random()
            if pick < 0.12:
                await self.pipeline(reader, writer)
            elif pick < 0.17:
                await self.abandon(reader, writer)
                return
            elif pick < 0.30:
                await self.open_socket(reader, writer)
                return
            else:
                request = self.choose()
                answer = await self.exchange(reader, writer, request)
                while (request := self.follow(request, answer)) and answer.value("connection") != "close":
                    answer = await self.exchange(reader, writer, request)
                if answer.value("connection") == "close":
                    return
            await asyncio.sleep(self.rng.choice((0, 0, 0.01, 0.3)))

    async def exchange(self, reader, writer, request):
        """Sends the request and reads the answer at the same time."""
        async def send():
            with contextlib.suppress(OSError):
                writer.write(request.head(self.authority))
                for part in request.content() if request.body is not None else ():
                    writer.write(part)
                    await writer.drain()
        sending = asyncio.create_task(send())
        body = bytearray()
        try:
            answer = await read_answer(reader, request.method, body.extend)
        finally:
            if not sending.done():
                # An early answer: the rest of the body is of no use, nor is the connection.
                sending.cancel()
        answer.body = bytes(body)
        self.take(request, answer)
        return answer

    async def pipeline(self, reader, writer):
        """Several requests at once: the answers come in their order."""
        requests = [self.request("plain", {"size": self.rng.randint(0, 3000)}) for _ in range(self.rng.randint(2, 12))]
        writer.write(b"".join(request.head(self.authority) for request in requests))
        for request in requests:
            body = bytearray()
            answer = await read_answer(reader, "GET", body.extend)
            answer.body = bytes(body)
            self.take(request, answer)
            if answer.value("connection") == "close":
                raise Cut("the gateway closes")

    async def abandon(self, reader, writer):
        """Goes away in the middle of something."""
        way = self.rng.choice(("head", "answer", "upload"))
        request = self.request("plain", {"size": 3_000_000}) if way != "upload" else self.request(
            "upload", method="POST", body_size=200_000)
        head = request.head(self.authority)
        writer.write(head[:self.rng.randint(1, len(head) - 1)] if way == "head" else head)
        if way == "upload":
            writer.write(request.body[:self.rng.randint(0, 100_000)])
        await writer.drain()
        if way == "answer":
            await reader.read(1000)
        await asyncio.sleep(self.rng.random())

    async def open_socket(self, reader, writer):
        request = self.request("socket")
        request.fields += [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                           ("Sec-WebSocket-Key", sockets.key()), ("Origin", self.origin)]
        if self.rng.random() < 0.2:
            request.fields.append(("Sec-WebSocket-Protocol", f"chat, gateway-token.{self.token}"))
        writer.write(request.head(self.authority))
        answer = await read_answer(reader, "GET")
        if answer.status != 101:
            self.take(request, answer)
            return

        async def send(data):
            writer.write(data)
            await writer.drain()
        await self.talk(reader.readexactly, send)

    # Over HTTP/2.

    async def browse_streams(self, connection):
        try:
            async with asyncio.timeout(PATIENCE):
                await connection.has_settings.wait()
        except TimeoutError:
            raise Late("no settings over HTTP/2", PATIENCE) from None
        for _ in range(self.rng.randint(1, 6)):
            if self.rng.random() < 0.15 and connection.takes_sockets:
                await self.open_stream_socket(connection)
                continue
            requests = [self.choose() for _ in range(self.rng.choice((1, 1, 3, 8)))]
            results = await asyncio.gather(
                *(self.exchange_stream(connection, request) for request in requests), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
            await asyncio.sleep(self.rng.choice((0, 0, 0.01, 0.3)))

    async def exchange_stream(self, connection, request):
        if self.rng.random() < 0.08:
            number, _ = connection.open(request)
            await asyncio.sleep(self.rng.random() / 10)
            connection.cancel(number)
            return
        while request:
            answer = await connection.exchange(request)
            self.take(request, answer)
            request = self.follow(request, answer)

    async def open_stream_socket(self, connection):
        request = self.request("socket")
        request.fields += [("sec-websocket-version", "13"), ("origin", self.origin)]
        number, stream = connection.open(request, protocol="websocket")
        try:
            async with asyncio.timeout(PATIENCE):
                await stream.wait(lambda: stream.status is not None)
            if stream.status != 200:
                await stream.wait(lambda: False)
                self.take(request, Answer(stream.status, stream.fields, bytes(stream.data)))
                return
            self.take_session(Answer(200, stream.fields))

            async def read(size):
                await stream.wait(lambda: len(stream.data) >= size)
                if len(stream.data) < size:
                    raise Cut("the stream ended")
                data = bytes(stream.data[:size])
                del stream.data[:size]
                return data
            await self.talk(read, lambda data: connection.send(number, data))
        except TimeoutError:
            raise Late("no answer to a WebSocket over HTTP/2", PATIENCE) from None
        finally:
            connection.cancel(number)

    # Over both.

    async def talk(self, read, send):
        """Sends messages on a WebSocket and compares what comes back."""
        rng, ledger = self.rng, self.ledger
        ledger.count("sockets opened")
        for number in range(rng.randint(0, 12)):
            payload = pattern(f"{self.name}/{number}", rng.choice((0, 5, 125, 126, 3000, 70_000)))
            opcode = rng.choice((sockets.TEXT, sockets.BINARY, sockets.PING)) if len(payload) < 126 else sockets.BINARY
            await send(sockets.frame(opcode, payload, masked=True))
            got, echoed = await self.receive(read)
            if got is None:
                return
            if echoed != payload or got != (sockets.PONG if opcode == sockets.PING else opcode):
                ledger.fault("a WebSocket returned something else", f"{self.name}: {got} {echoed[:60]!r}")
            ledger.count("socket messages compared")
            await asyncio.sleep(rng.choice((0, 0, 0.05, 1)))
        pick = rng.random()
        if pick < 0.4:
            await send(sockets.close(1000, masked=True))
        elif pick < 0.7:
            return
        # Stays until the gateway has had enough, or for a while.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rng.uniform(1, 10)):
                while (await self.receive(read))[0] is not None:
                    pass

    async def receive(self, read):
        """The next message; nothing after a close frame, whose code is counted."""
        opcode, payload = await sockets.read_frame(read)
        if opcode != sockets.CLOSE:
            return opcode, payload
        code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
        self.ledger.count(f"sockets closed: {code}")
        if code not in CLOSE_CODES:
            self.ledger.fault("a WebSocket was closed with a strange code", f"{self.name}: {code} {payload[2:]!r}")
        return None, b""


async def pay(visit):
    """Pays a visit, which may end in any way that the gateway's rules allow."""
    ledger = visit.ledger
    ledger.count("visits")
    try:
        await visit.run()
    except (Cut, OSError, asyncio.IncompleteReadError, TimeoutError) as error:
        ledger.count(f"visits that were cut: {type(error).__name__}")
        if "HTTP/2 was broken" in str(error):
            ledger.fault("the gateway broke HTTP/2", f"{visit.name}: {error}")
    except Wrong as error:
        ledger.fault("the gateway broke HTTP", f"{visit.name}: {error}")
    except Late as error:
        ledger.suspect("an answer did not come", f"{visit.name}: {error}", error.waited)


async def visit_forever(network, gateway, rng, people):
    while True:
        await asyncio.sleep(rng.random() * 0.5)
        # A few are the favourites, so that they are taken over all the time.
        person = rng.choice(people if rng.random() < 0.6 else people[:6])
        await pay(Visit(network, gateway, rng, person))

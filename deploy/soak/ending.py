"""The end of a run: nothing is left, memory has not grown, and SIGTERM ends the gateway in time."""

import asyncio
import contextlib
import signal
import statistics
import time

import http1
import sockets
from gateway import BYSTANDER, DRAIN, LAST
from network import Cut

# Idle connections to the embed host end after 30 s.
LEFTOVERS = 45
# After so many seconds nothing fills up any more.
WARM = 300
# By which share memory may grow from then on.
GROWTH = 0.05
# The leases of the last configuration take five, and the sweep one; those of the one before it take six.
SESSIONS = 45


class Ending:
    def __init__(self, soak, descriptors):
        self.soak, self.descriptors = soak, descriptors
        self.ledger, self.gateway, self.hosts, self.network = soak.ledger, soak.gateway, soak.hosts, soak.network

    async def eventually(self, seconds, condition):
        """Whether the condition, which may be a coroutine's, holds within this time."""
        deadline = time.monotonic() + seconds
        while not (is_met := await condition()) and time.monotonic() < deadline:
            await asyncio.sleep(0.25)
        return is_met

    async def expect_nothing_left(self):
        """Every client is gone; the embed host is there, so that it is the gateway that closes connections to it."""
        ledger, gateway = self.ledger, self.gateway
        for host in self.hosts:
            if host.server is None:
                await host.start()
        gateway.configure(**LAST)
        gateway.process.send_signal(signal.SIGHUP)
        removals = await gateway.ask("GET", "/removals")
        for removal in removals["removals"] if removals else []:
            await gateway.ask("DELETE", f"/removals?id={removal['id']}")

        async def no_sessions():
            listed = await gateway.ask("GET", "/sessions")
            return listed is not None and listed["total"] == 0

        async def no_descriptors():
            return gateway.descriptors().total() <= self.descriptors.total()
        if not await self.eventually(SESSIONS, no_sessions):
            listed = await gateway.ask("GET", "/sessions?limit=3")
            started = time.monotonic()
            word = "for" if await self.eventually(150, no_sessions) else "after"
            ledger.fault("sessions are left", f"{word} {SESSIONS + time.monotonic() - started:.0f} s: {listed}")
        if not await self.eventually(LEFTOVERS, no_descriptors):
            ledger.fault("descriptors are left", f"{dict(gateway.descriptors())}, at first {dict(self.descriptors)}; "
                         f"the embed host has {sum(len(host.connections) for host in self.hosts)} connections")
        print(f"descriptors: {self.descriptors.total()} at first, {gateway.descriptors().total()} at the end")

    def compare_memory(self):
        """Under load: the median of the last minute against that of the first minute in which the caches are full.

        They are after five minutes, or, in a short run, after two fifths of it as far as the run can tell.
        """
        samples, growth = self.soak.memory, self.soak.options.growth
        length = samples[-1][0]
        warm, window = min(WARM, length * 2 / 5), min(60, length / 5)
        before, after = (statistics.median(size for at, size in samples if since <= at <= since + window)
                         for since in (warm, length - window))
        allowed = max(before * GROWTH, growth)
        print(f"resident memory: {before:.1f} MiB after {warm:.0f} s, {after:.1f} MiB at the end (at most "
              f"{before + allowed:.1f}), {self.gateway.resident():.1f} MiB with nobody there")
        if after - before > allowed:
            self.ledger.fault("memory grows", f"from {before:.1f} to {after:.1f} MiB")

    async def open_socket(self, reader, writer):
        token = self.gateway.token(BYSTANDER, self.gateway.current)
        fields = [("X-Nonce", f"{self.ledger.new_visit(BYSTANDER)}.1.0"), ("Authorization", f"Bearer {token}"),
                  ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                  ("Sec-WebSocket-Key", sockets.key())]
        writer.write(http1.Request("GET", f"/event/{BYSTANDER.event}/socket", fields).head("localhost"))
        answer = await http1.read_answer(reader, "GET")
        if answer.status != 101:
            self.ledger.fault("no WebSocket at the end", str(answer))

    async def terminate(self):
        """SIGTERM ends it in time, with viewers there: sockets get 1001, and who reads slowly is cut."""
        ledger, process = self.ledger, self.gateway.process
        async with contextlib.AsyncExitStack() as exits:
            opened = []
            for _ in range(5):
                opened.append(await exits.enter_async_context(self.network.connection("clear", "127.0.0.1")))
                await self.open_socket(*opened[-1])
                reader, writer = await exits.enter_async_context(self.network.connection("tls", "127.0.0.1", buffer=1024))
                fields = [("X-Nonce", f"{ledger.new_visit(None)}.1")]
                writer.write(http1.Request("GET", "/public/plain?size=20000000", fields).head("localhost"))
                await reader.read(100)
            started = time.monotonic()
            process.terminate()
            codes = []
            for reader, _ in opened:
                with contextlib.suppress(Cut, OSError, asyncio.IncompleteReadError, TimeoutError):
                    async with asyncio.timeout(DRAIN + 5):
                        opcode, payload = await sockets.read_frame(reader.readexactly)
                        codes.append(int.from_bytes(payload[:2]) if opcode == sockets.CLOSE else opcode)

            async def is_over():
                return process.poll() is not None
            if not await self.eventually(DRAIN + 10 - (time.monotonic() - started), is_over):
                ledger.fault("SIGTERM did not end it", f"within {DRAIN} s")
            elif process.returncode != 0:
                ledger.fault("it did not end well", f"status {process.returncode}\n{self.gateway.tail()}")
            print(f"SIGTERM: ended within {time.monotonic() - started:.1f} s, status {process.returncode}")
            if codes != [1001] * 5:
                ledger.fault("WebSockets were not told that it stops", str(codes))

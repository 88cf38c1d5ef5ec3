"""The end of a run: nothing is left, memory has not grown, and SIGTERM ends the gateway in time."""

import asyncio
import contextlib
import signal
import time

import growth
import http1
import sockets
from gateway import BYSTANDER, DRAIN, LAST
from network import Cut, Wrong
from processes import cpu_time
from starvation import LONG, SHORT, total

# Idle connections to the embed host end after 30 s.
LEFTOVERS = 45
# With nobody there, for so many seconds, at most so much of a processor is used.
REST = 4
RESTING = 0.05
# The leases of the last configuration take five, and the sweep one; those of the one before it take six.
SESSIONS = 45


class Ending:
    def __init__(self, soak, descriptors):
        self.soak, self.descriptors = soak, descriptors
        self.ledger, self.gateway, self.hosts, self.network = soak.ledger, soak.gateway, soak.hosts, soak.network

    async def eventually(self, seconds, condition):
        """Whether a coroutine's condition holds within this time, without that in which nothing got to run.

        But within four times as much in any case.
        """
        started = time.monotonic()
        while not (is_met := await condition()):
            elapsed = time.monotonic() - started
            if elapsed > 4 * seconds or elapsed - total(self.ledger.starvation.spans[LONG].spans, started) > seconds:
                break
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
        """Under load, not now: with nobody there, a leak of memory that connections need would not show."""
        allowed, found = self.soak.options.growth, growth.measure(self.soak.memory)
        if not found:
            print("memory: the run was too short to tell whether it grows")
            return
        most = found.before + found.allowed(allowed)
        print(f"memory: {found.before:.1f} MiB after {found.warm:.0f} s, {found.after:.1f} MiB at the end "
              f"(at most {most:.1f}), {self.gateway.memory():.1f} MiB with nobody there; "
              f"{found.least_leak(allowed):.0f} bytes lost by each request would show")
        if found.is_leak(allowed):
            self.ledger.fault("memory grows", f"from {found.before:.1f} to {found.after:.1f} MiB")

    async def expect_rest(self):
        """It does nothing when there is nothing to do."""
        before, started = cpu_time(self.gateway.process.pid), time.monotonic()
        await asyncio.sleep(REST)
        used = (cpu_time(self.gateway.process.pid) - before) / (time.monotonic() - started)
        print(f"processors with nobody there: {used:.1%} of one")
        if used > RESTING:
            self.ledger.fault("it does not rest", f"{used:.1%} of a processor")

    async def open_socket(self, reader, writer):
        token = self.gateway.token(BYSTANDER, self.gateway.current)
        fields = [("X-Nonce", f"{self.ledger.new_visit(BYSTANDER)}.1.0"), ("Authorization", f"Bearer {token}"),
                  ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                  ("Sec-WebSocket-Key", sockets.key())]
        writer.write(http1.Request("GET", f"/event/{BYSTANDER.event}/socket", fields).head("localhost"))
        answer = await http1.read_answer(reader, "GET")
        if answer.status != 101:
            self.ledger.suspect("no WebSocket at the end", str(answer))

    async def terminate(self):
        """SIGTERM ends it in time, with viewers there: sockets get 1001, and who reads slowly is cut."""
        ledger, process = self.ledger, self.gateway.process
        async with contextlib.AsyncExitStack() as exits:
            opened = []
            try:
                for _ in range(5):
                    opened.append(await exits.enter_async_context(self.network.connection("clear", "127.0.0.1")))
                    await self.open_socket(*opened[-1])
                    await self.read_slowly(await exits.enter_async_context(
                        self.network.connection("tls", "127.0.0.1", buffer=1024)))
            except (Cut, Wrong, OSError, http1.Late, asyncio.IncompleteReadError) as error:
                ledger.suspect("no viewers at the end", repr(error), http1.PATIENCE)
            started = time.monotonic()
            process.terminate()
            codes = []
            for reader, _ in opened:
                with contextlib.suppress(Cut, OSError, asyncio.IncompleteReadError, TimeoutError):
                    async with asyncio.timeout(DRAIN + 5):
                        opcode, payload = await sockets.read_frame(reader.readexactly)
                        codes.append(int.from_bytes(payload[:2]) if opcode == sockets.CLOSE else opcode)
            if codes != [1001] * 5:
                ledger.suspect("WebSockets were not told that it stops", str(codes), time.monotonic() - started, SHORT)

            async def is_over():
                return process.poll() is not None
            if not await self.eventually(DRAIN + 10 - (time.monotonic() - started), is_over):
                ledger.fault("SIGTERM did not end it", f"within {DRAIN} s")
            elif process.returncode != 0:
                ledger.fault("it did not end well", f"status {process.returncode}\n{self.gateway.tail()}")
            print(f"SIGTERM: ended within {time.monotonic() - started:.1f} s, status {process.returncode}")

    async def read_slowly(self, connection):
        reader, writer = connection
        fields = [("X-Nonce", f"{self.ledger.new_visit(None)}.1")]
        writer.write(http1.Request("GET", "/public/plain?size=20000000", fields).head("localhost"))
        await reader.read(100)

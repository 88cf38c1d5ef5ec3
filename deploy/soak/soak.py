"""Runs random clients, faults and changes against the built gateway for some minutes, after which nothing may be left.

Started by `run`. The whole run is in one process beside the gateway's: clients, operators and the embed host.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import pathlib
import random
import sys
import tempfile
import time

import backend
import hostile
import http1
import operators
import viewers
from ending import Ending
from gateway import HOSTS, WITNESS, Gateway
from host import Host
from ledger import Ledger
from network import Network
from processes import end_on_signals, free_ports, raise_descriptor_limit, running, wait_until_listening
from stays import crowd

# Clients leave 20 of 200 connections to the checks.
CONNECTIONS = 180
BACKENDS = 3
# Each event loop remembers 8,192.
TOKENS = 32_000
# By how much memory may always grow, in MiB: malloc keeps more or fewer pages from minute to minute.
GROWTH = 8
# Seconds from one kill of a server of the embed host to the next; of three, one is a storm.
KILLS = 20


class Soak:
    def __init__(self, options, folder):
        self.options = options
        self.ledger = Ledger()
        self.ports = free_ports("clear", "tls", "admin", *HOSTS)
        self.gateway = Gateway(folder, self.ports, self.ledger)
        self.network = Network(self.ports, CONNECTIONS)
        self.hosts = [Host(self.ledger, self.ports[name], self.random(name)) for name in HOSTS]
        self.memory = []

    def random(self, name):
        """A source of its own for each actor, so that they do not depend on each other's pace."""
        return random.Random(f"{self.options.seed}/{name}")

    async def run(self):
        for host in self.hosts:
            await host.start()
        await self.gateway.call("GET", "/.gateway/healthz", "clear")
        await asyncio.sleep(0.5)
        descriptors = self.gateway.descriptors()
        await self.fill_caches()
        tasks = self.start_actors()
        try:
            await self.wait_for_end(tasks)
        finally:
            self.ledger.storm = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.gateway.process.poll() is None:
            ending = Ending(self, descriptors)
            await ending.expect_nothing_left()
            ending.compare_memory()
            await ending.terminate()

    async def fill_caches(self):
        """Shows the gateway tokens until it remembers as many as it ever will, so that this does not pass for a leak.

        A `HEAD` does not join.
        """
        async def show(count):
            async with self.network.connection("clear", "127.0.0.1") as (reader, writer):
                for _ in range(count // 50):
                    for _ in range(50):
                        token = self.gateway.token(WITNESS, self.gateway.current)
                        fields = [("X-Nonce", "none"), ("Authorization", f"Bearer {token}")]
                        writer.write(http1.Request("HEAD", f"/event/{WITNESS.event}/plain", fields).head("localhost"))
                    for _ in range(50):
                        await http1.read_answer(reader, "HEAD")
        await asyncio.gather(*(show(TOKENS // 16) for _ in range(16)))

    def start_actors(self):
        options, gateway, network = self.options, self.gateway, self.network
        people = crowd(60)
        actors = [
            self.ledger.watch_delay(), self.kills(self.random("kills")), self.watch_memory(),
            operators.watch_health(gateway, "clear", "/.gateway/healthz"),
            operators.watch_health(gateway, "admin", "/healthz"),
            operators.witness(gateway, network), operators.reload(gateway, self.random("reloads")),
            operators.intervene(gateway, self.random("operators"), people)]
        for number in range(BACKENDS):
            actors.append(backend.hold_events_forever(network, gateway, self.random(f"backend {number}")))
        hostiles = options.clients // 4
        for number in range(hostiles):
            actors.append(hostile.annoy_forever(network, gateway, self.random(f"hostile {number}")))
        for number in range(options.clients - hostiles):
            actors.append(viewers.visit_forever(network, gateway, self.random(f"viewer {number}"), people))
        return [asyncio.create_task(actor) for actor in actors]

    async def wait_for_end(self, tasks):
        """Until the time is over. The end of the gateway, or of an actor, is a fault and the end of the run."""
        deadline = time.monotonic() + self.options.minutes * 60
        while time.monotonic() < deadline:
            done, _ = await asyncio.wait(tasks, timeout=min(1, max(deadline - time.monotonic(), 0)),
                                         return_when=asyncio.FIRST_COMPLETED)
            if self.gateway.process.poll() is not None:
                self.ledger.fault("the gateway ended by itself", f"{self.gateway.process.returncode}\n{self.gateway.tail()}")
                return
            for task in done:
                # An actor has no end.
                raise task.exception() or RuntimeError(f"{task} has ended")

    async def kills(self, rng):
        """Kills the servers in turn, and brings them back: whoever can be served by the other one must be.

        Of three times, one is a storm, in which both answer badly and either may be away.
        """
        ledger, number, due = self.ledger, 0, time.monotonic()
        while True:
            due += KILLS
            await asyncio.sleep(due - time.monotonic())
            number += 1
            if number % 3 == 0:
                ledger.storm = True
                ledger.count("storms")
                await asyncio.sleep(rng.uniform(1, 4))
            await self.kill(rng, self.hosts[number % 2])
            if ledger.storm:
                await self.kill(rng, rng.choice(self.hosts))
                ledger.storm, ledger.storm_ended = False, time.monotonic()

    async def kill(self, rng, host):
        await host.stop(resets=rng.random() < 0.5)
        self.ledger.count("embed host: killed")
        await asyncio.sleep(rng.uniform(0.5, 4))
        await host.start()

    async def watch_memory(self):
        report = time.monotonic() + 60
        while True:
            await asyncio.sleep(1)
            with contextlib.suppress(OSError, TypeError):
                self.memory.append((self.ledger.elapsed(), self.gateway.resident()))
            if time.monotonic() >= report and self.memory:
                report += 60
                ledger, gateway = self.ledger, self.gateway
                visits, requests = ledger.counts["visits"], ledger.counts["embed host: requests"]
                print(f"{ledger.elapsed():7.1f} s  {self.memory[-1][1]:.0f} MiB, "
                      f"{gateway.descriptors().total()} descriptors, {visits} visits, {requests} requests, "
                      f"{ledger.faults.total()} faults", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--seed", default=os.urandom(4).hex())
    parser.add_argument("--clients", type=int, default=100, help="at a time")
    parser.add_argument("--growth", type=float, default=GROWTH,
                        help="of memory once it is warm, in MiB, that is no fault; nor are 5 %%")
    parser.add_argument("--keep-log", type=pathlib.Path, help="where the gateway's log goes")
    options = parser.parse_args()
    end_on_signals()
    raise_descriptor_limit()
    # asyncio warns of each write to a connection that is over.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    # The secrets are nobody else's.
    os.umask(0o077)
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.clients} clients", flush=True)
    with tempfile.TemporaryDirectory(prefix="gateway-soak-") as name:
        folder = pathlib.Path(name)
        soak = Soak(options, folder)
        command = [options.program.resolve(), "run", folder / "gateway.conf"]
        with open(soak.gateway.log, "w") as log, running(command, log) as process:
            soak.gateway.process = process
            wait_until_listening(process, soak.ports["clear"], soak.gateway.log, 60)
            asyncio.run(soak.run())
        soak.gateway.read_log()
        if options.keep_log:
            options.keep_log.write_bytes(soak.gateway.log.read_bytes())
    report(soak)


def report(soak):
    ledger = soak.ledger
    for title, counts in (("What was done", ledger.counts), ("What the gateway's log says", ledger.notes)):
        print(f"\n{title}:")
        for name, count in sorted(counts.items()):
            print(f"{count:10,}  {name}")
    print(f"\nmost connections at a time: {soak.network.peak}; this driver was late by at most {ledger.worst_delay:.1f} s")
    if ledger.faults:
        for kind, count in ledger.faults.most_common():
            print(f"FAULT {count} times: {kind}", file=sys.stderr)
        raise SystemExit(f"Not all was well. Seed: {soak.options.seed}")
    print("All was well, and nothing is left.")


if __name__ == "__main__":
    main()

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
import statistics
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
from growth import Sample
from host import Host
from ledger import AFTERMATH, Ledger
from network import Cut, Network, hold_ports
from processes import cpu_time, end_on_signals, raise_descriptor_limit, running, wait_until_listening
from starvation import CATCHING_UP, SHORT, total
from stays import crowd

# Clients leave 20 of 200 connections to the checks.
CONNECTIONS = 180
BACKENDS = 3
# Each event loop remembers 8,192.
TOKENS = 32_000
# So many are shown at a time.
FILLING = 50
# By how much memory may always grow, in MiB: malloc keeps more or fewer pages from minute to minute.
GROWTH = 8
# Milliseconds of a processor for each answer: five times what is usual, and less than a loop costs that never waits.
WORK = 1.0
# The share of the time asked for that must be judged, for a run that has excuses to say something about what takes time.
JUDGED = 0.5
# Seconds from one kill of a server of the embed host to the next; of three, one is a storm.
KILLS = 20


class Soak:
    def __init__(self, options, folder):
        self.options = options
        self.ledger = Ledger()
        # The sockets hold the ports for as long as they are open.
        self.ports, self.holders = hold_ports("clear", "tls", "admin", *HOSTS)
        self.gateway = Gateway(folder, self.ports, self.ledger)
        self.network = Network(self.ports, CONNECTIONS)
        self.hosts = [Host(self.ledger, self.ports[name], self.random(name)) for name in HOSTS]
        self.memory = []
        # Seconds of processors that the gateway has used.
        self.work = 0.0
        # How many seconds could be judged, as to long and as to short time limits, and how many there were, until the end.
        self.judged = 0.0, 0.0, 1.0

    def random(self, name):
        """A source of its own for each actor, so that they do not depend on each other's pace."""
        return random.Random(f"{self.options.seed}/{name}")

    async def run(self):
        watch = asyncio.create_task(self.ledger.starvation.watch(self.gateway.process.pid, self.ledger.judge))
        for host in self.hosts:
            await host.start()
        descriptors = await self.settle()
        await self.fill_caches()
        tasks = self.start_actors()
        try:
            await self.wait_for_end([watch, *tasks])
            self.judged = self.ledger.judged(), self.ledger.judged(SHORT, CATCHING_UP), self.ledger.elapsed()
        finally:
            self.ledger.storm = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if self.gateway.process.poll() is None:
            ending = Ending(self, descriptors)
            await ending.expect_nothing_left()
            ending.compare_memory()
            await ending.expect_rest()
            self.work = cpu_time(self.gateway.process.pid)
            await ending.terminate()
        watch.cancel()

    async def settle(self):
        """What is open once both listeners have answered, and nothing more is opened or closed."""
        for port, path in (("clear", "/.gateway/healthz"), ("admin", "/healthz")):
            while not await self.answers(port, path) and not self.ledger.faults:
                await asyncio.sleep(0.1)
        descriptors, since = self.gateway.descriptors(), time.monotonic()
        while time.monotonic() - since < 1:
            await asyncio.sleep(0.2)
            if (now := self.gateway.descriptors()) != descriptors:
                descriptors, since = now, time.monotonic()
        return descriptors

    async def answers(self, port, path):
        try:
            await self.gateway.call("GET", path, port, http1.PATIENCE)
        except (OSError, asyncio.IncompleteReadError, http1.Late) as error:
            self.ledger.suspect("it does not answer at first", repr(error), http1.PATIENCE)
            return False
        return True

    async def fill_caches(self):
        """Shows the gateway tokens until it remembers as many as it ever will, so that this does not pass for a leak.

        A `HEAD` does not join.
        """
        async def show(count):
            while count > 0:
                try:
                    async with self.network.connection("clear", "127.0.0.1") as (reader, writer):
                        while count > 0:
                            await self.show_tokens(FILLING, reader, writer)
                            count -= FILLING
                except (Cut, http1.Late) as error:
                    self.ledger.suspect("tokens could not be shown", repr(error), http1.PATIENCE)
                    count -= FILLING
        await asyncio.gather(*(show(TOKENS // 16) for _ in range(16)))

    async def show_tokens(self, count, reader, writer):
        for _ in range(count):
            token = self.gateway.token(WITNESS, self.gateway.current)
            fields = [("X-Nonce", "none"), ("Authorization", f"Bearer {token}")]
            writer.write(http1.Request("HEAD", f"/event/{WITNESS.event}/plain", fields).head("localhost"))
        for _ in range(count):
            await http1.read_answer(reader, "HEAD")

    def start_actors(self):
        options, gateway, network = self.options, self.gateway, self.network
        people = crowd(60)
        actors = [
            self.kills(self.random("kills")), self.watch_memory(),
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
        """Until the time is over. If too much was excused, until enough could be judged, but at most twice as long.

        The end of the gateway, or of an actor, is a fault and the end of the run.
        """
        started, seconds, ledger = time.monotonic(), self.options.minutes * 60, self.ledger

        def is_unsure():
            return ledger.excused and not ledger.faults and ledger.judged() < seconds * JUDGED
        while (elapsed := time.monotonic() - started) < seconds or (elapsed < 2 * seconds and is_unsure()):
            done, _ = await asyncio.wait(tasks, timeout=min(1, max(seconds - elapsed, 0.1)),
                                         return_when=asyncio.FIRST_COMPLETED)
            if self.gateway.process.poll() is not None:
                status = self.gateway.process.returncode
                ledger.fault("the gateway ended by itself", f"status {status}\n{self.gateway.tail()}")
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
            # However late the last kill was, the gateway must rely on that server again.
            due = max(due + KILLS, time.monotonic() + AFTERMATH)
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
                requests = self.ledger.counts["embed host: requests"]
                self.memory.append(Sample(
                    self.ledger.elapsed(), self.gateway.memory(), self.gateway.database(), requests))
            if time.monotonic() >= report and self.memory:
                report += 60
                ledger, gateway = self.ledger, self.gateway
                visits, requests = ledger.counts["visits"], ledger.counts["embed host: requests"]
                print(f"{ledger.elapsed():7.1f} s  {self.memory[-1].size:.0f} MiB, "
                      f"{gateway.descriptors().total()} descriptors, {visits} visits, {requests} requests, "
                      f"{ledger.faults.total()} faults", flush=True)

    def compare_work(self):
        """Whether the gateway used as much of the processors as its answers explain.

        Otherwise what excuses what was late may be its own doing.
        """
        answers = self.gateway.answers
        print(f"processors: {self.work:.0f} s, {self.work * 1000 / max(answers, 1):.2f} ms for each of {answers:,} answers")
        if self.work * 1000 > self.options.work * answers:
            self.ledger.fault("it worked for nothing", f"{self.work:.0f} s for {answers} answers")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--seed", default=os.urandom(4).hex())
    parser.add_argument("--clients", type=int, default=100, help="at a time")
    parser.add_argument("--growth", type=float, default=GROWTH,
                        help="of memory once it is warm, in MiB, that is no fault; nor are 5 %%")
    parser.add_argument("--work", type=float, default=WORK, help="milliseconds that an answer may cost on average")
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
        soak.compare_work()
        soak.ledger.judge(is_over=True)
        if options.keep_log:
            options.keep_log.write_bytes(soak.gateway.log.read_bytes())
    report(soak)


def report(soak):
    ledger = soak.ledger
    for title, counts in (("What was done", ledger.counts), ("What the gateway's log says", ledger.notes)):
        print(f"\n{title}:")
        for name, count in sorted(counts.items()):
            print(f"{count:10,}  {name}")
    print(f"\nmost connections at a time: {soak.network.peak}")
    if len(ledger.times) > 1:
        cuts = statistics.quantiles(ledger.times, n=100, method="inclusive")
        print(f"of the witness's requests, half took at most {cuts[49] * 1000:.0f} ms, 99 % {cuts[98] * 1000:.0f} ms, "
              f"and the longest {max(ledger.times) * 1000:.0f} ms")
    for name, spans in (("driver", ledger.starvation.driver), ("gateway", ledger.starvation.gateway)):
        print(f"the {name} did not get to run {len(spans.spans)} times, for {total(spans.spans):.1f} s in all, at most "
              f"{spans.longest():.1f} s at a time")
    for kind, count in ledger.excused.most_common():
        print(f"excused by that, {count} times: {kind}")
    if ledger.faults:
        for kind, count in ledger.faults.most_common():
            print(f"FAULT {count} times: {kind}", file=sys.stderr)
        raise SystemExit(f"Not all was well. Seed: {soak.options.seed}")
    long, short, elapsed = soak.judged
    judged = f"{long / elapsed:.0%} of the time could be judged, and {short / elapsed:.0%} as to what may take a second"
    if ledger.excused and long < soak.options.minutes * 60 * JUDGED:
        print(f"NOT JUDGED: the machine was too slow, {judged}. Identities, memory and descriptors were well all the time.")
    else:
        print(f"All was well, and nothing is left: {judged}.")


if __name__ == "__main__":
    main()

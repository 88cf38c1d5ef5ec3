"""When the driver or the gateway did not get to run: what is slow then is not the gateway's fault.

The driver, which the embed host is a part of, is late when its timers are. A thread of the gateway is held when it wants
to go on and does not: it waits for a processor or a disk, or is stopped. A thread that waits for an event, for a lock or
for another thread is not, so that no fault of the gateway's own excuses itself. If it works without an end, which slows all
others, the soak finds that by its work.
"""

import asyncio
import collections
import dataclasses
import pathlib
import time

# Over so many seconds delays add up.
RECENT = 2.0
# A stall is seen at most so many seconds after what it did.
SEEN = 2
# After it, it takes so many seconds until what had piled up is done.
CATCHING_UP = 3
# One that lasts for half of the time that the embed host has for an answer may have other consequences later.
LASTING = 2.5
# Seconds between two looks.
STEP = 0.1


@dataclasses.dataclass(frozen=True)
class Stall:
    """What explains that something came too late: so many seconds lost at once, or this share of the last seconds."""
    seconds: float
    share: float


# For the shortest time limits of a run, of a second, within which several steps have to be taken.
SHORT = Stall(0.5, 0.5)
# For those of five seconds and more.
LONG = Stall(1.0, 0.75)


class Spans:
    """Spans of time, at least a second apart: what is less is one stall."""

    def __init__(self):
        self.spans = []

    def add(self, since, until):
        while self.spans and since - self.spans[-1][1] < 1:
            before = self.spans.pop()
            since, until = min(since, before[0]), max(until, before[1])
        self.spans.append((since, until))

    def explains(self, at, after):
        """Whether one of them explains what happened then, up to so many seconds later."""
        return any(start <= at <= end for start, end in self.explained(after))

    def explained(self, after):
        """The spans of time in which one of them explains what happens up to so many seconds later."""
        return [(start - SEEN, end + (after if end - start > LASTING else min(after, CATCHING_UP)))
                for start, end in self.spans]

    def longest(self):
        return max((end - start for start, end in self.spans), default=0.0)


def total(spans, since=0.0):
    """How much of the time since then these spans take, which may overlap."""
    total, reached = 0.0, since
    for start, end in spans:
        total += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return total


class Lost:
    """What was lost in the last seconds, of a sum that only grows."""

    def __init__(self):
        self.seen = collections.deque()

    def look(self, now, total):
        # The one before the last seconds stays, for a look that was late itself.
        while len(self.seen) > 1 and self.seen[1][0] <= now - RECENT:
            self.seen.popleft()
        self.seen.append((now, total))

    def since(self, stall):
        """Since when too much was lost; None if it was not."""
        (first, before), (last, total) = self.seen[0], self.seen[-1]
        return first if total - before > stall.share * max(RECENT, last - first) else None


class Thread:
    """A thread, as the kernel accounts for it."""

    def __init__(self):
        self.lost = Lost()
        self.sleeps, self.ran, self.rested = None, 0, 0
        self.elapsed = self.missed = 0

    def look(self, now, state, sleeps, ran, waited):
        """`ran`, `waited`: the seconds for which it had a processor, and wanted one. `sleeps`: how often it has slept."""
        if state in "SI" or sleeps != self.sleeps:
            self.sleeps, self.ran, self.rested = sleeps, ran, now
        self.elapsed = now - self.rested
        self.missed = self.elapsed - (ran - self.ran)
        self.lost.look(now, waited)

    def since(self, stall):
        """Since when it has been held; None if it is not."""
        if self.elapsed > stall.seconds and self.missed > self.elapsed / 2:
            return self.rested
        return self.lost.since(stall)


class Threads:
    """Those of a process."""

    def __init__(self, process):
        self.folder = pathlib.Path(f"/proc/{process}/task")
        self.threads = {}

    def look(self, now):
        before, self.threads = self.threads, {}
        for task in self.folder.glob("*"):
            try:
                status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
                ran, waited, _ = (task / "schedstat").read_text().split()
            except OSError:
                # It has ended.
                continue
            thread = self.threads[task.name] = before.get(task.name) or Thread()
            thread.look(now, status["State"].strip()[0], int(status["voluntary_ctxt_switches"]), int(ran) / 1e9,
                        int(waited) / 1e9)

    def since(self, stall):
        """Since when one of them has been held; None if none is."""
        return min((since for thread in self.threads.values() if (since := thread.since(stall)) is not None), default=None)


class Timers:
    """The driver's, which are late when it does not get to run."""

    def __init__(self):
        self.lost = Lost()
        self.due = self.delay = self.total = 0

    def look(self, now, due):
        self.due, self.delay = due, now - due
        self.total += self.delay
        self.lost.look(now, self.total)

    def since(self, stall):
        """Since when they have been late; None if they are not."""
        return self.due - STEP if self.delay > stall.seconds else self.lost.since(stall)


class Starvation:
    """Watches the driver and the gateway."""

    def __init__(self):
        # What explains delays, for short and for long time limits; and whose short ones they were.
        self.spans = {SHORT: Spans(), LONG: Spans()}
        self.driver, self.gateway = Spans(), Spans()

    def add(self, whose, stall, since, until):
        self.spans[stall].add(since, until)
        if stall is SHORT:
            whose.add(since, until)

    async def watch(self, process, look=lambda: None):
        """Looks all the time, and tells `look` after each time."""
        threads, timers = Threads(process), Timers()
        while True:
            due = time.monotonic() + STEP
            await asyncio.sleep(STEP)
            now = time.monotonic()
            timers.look(now, due)
            threads.look(now)
            for stall in (SHORT, LONG):
                for whose, watched in ((self.driver, timers), (self.gateway, threads)):
                    if (since := watched.since(stall)) is not None:
                        self.add(whose, stall, since, now)
            look()

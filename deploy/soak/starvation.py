"""When the driver or the gateway did not get to run: what is slow then is not the gateway's fault.

The driver, which the embed host is a part of, is late when its timers are. A thread of the gateway is held when it wants
to go on and does not: it waits for a processor or a disk, or is stopped. A thread that waits for an event, for a lock or
for another thread is not, so that no fault of the gateway's own excuses itself.
"""

import asyncio
import collections
import pathlib
import time

# The shortest time limits of a run are a second: half of it, lost at once or in the last two seconds, may cost an answer.
HELD = 0.5
RECENT = 2.0
# Seconds between two looks.
STEP = 0.1


class Spans:
    """Spans of time, none of which overlap."""

    def __init__(self):
        self.spans = []

    def add(self, since, until):
        while self.spans and self.spans[-1][1] >= since:
            before = self.spans.pop()
            since, until = min(since, before[0]), max(until, before[1])
        self.spans.append((since, until))

    def overlap(self, since, until):
        return any(start <= until and end >= since for start, end in self.spans)

    def total(self, since=0.0, before=0.0, after=0.0):
        """How much of the time since then they take, each begun and ended so many seconds earlier and later."""
        total, reached = 0.0, since
        for start, end in self.spans:
            start, end = max(start - before, reached), end + after
            total += max(end - start, 0)
            reached = max(reached, end)
        return total

    def longest(self):
        return max((end - start for start, end in self.spans), default=0.0)


class Lost:
    """What was lost in the last seconds: a sum that only ever grows is shown to it again and again."""

    def __init__(self):
        self.seen = collections.deque()

    def is_much(self, now, total):
        """Since when too much was lost; None if it was not."""
        # The one before the last seconds stays, for a look that was late itself.
        while len(self.seen) > 1 and self.seen[1][0] <= now - RECENT:
            self.seen.popleft()
        self.seen.append((now, total))
        since, before = self.seen[0]
        return since if total - before > max(HELD * 2, (now - since) / 2) else None


class Thread:
    """A thread, as the kernel accounts for it."""

    def __init__(self, now):
        self.lost = Lost()
        self.sleeps, self.ran = None, 0
        self.rested = now

    def look(self, now, state, sleeps, ran, waited):
        """Since when it has been held; None if it is not.

        `ran` and `waited`: the seconds for which it had a processor, and wanted one. `sleeps`: how often it has slept.
        """
        if state in "SI" or sleeps != self.sleeps:
            self.sleeps, self.ran, self.rested = sleeps, ran, now
        elapsed = now - self.rested
        if elapsed > HELD and ran - self.ran < elapsed / 2:
            return self.rested
        return self.lost.is_much(now, waited)


class Threads:
    """Those of a process."""

    def __init__(self, process):
        self.folder = pathlib.Path(f"/proc/{process}/task")
        self.threads = {}

    def look(self, now):
        """Since when one of them has been held; None if none is."""
        before, self.threads, held = self.threads, {}, []
        for task in self.folder.glob("*"):
            try:
                status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
                ran, waited, _ = (task / "schedstat").read_text().split()
            except OSError:
                # It has ended.
                continue
            thread = self.threads[task.name] = before.get(task.name) or Thread(now)
            held.append(thread.look(now, status["State"].strip()[0], int(status["voluntary_ctxt_switches"]),
                                    int(ran) / 1e9, int(waited) / 1e9))
        return min((since for since in held if since is not None), default=None)


class Starvation:
    """Watches the driver and the gateway."""

    def __init__(self):
        self.started = time.monotonic()
        self.driver, self.gateway, self.both = Spans(), Spans(), Spans()

    def add(self, spans, since, until):
        spans.add(since, until)
        self.both.add(since, until)

    def overlaps(self, since, until):
        return self.both.overlap(since, until)

    def lost(self, since):
        """How many of the seconds since then were lost."""
        return self.both.total(since)

    async def watch(self, process, look=lambda: None):
        """Looks all the time, and tells `look` after each time."""
        threads, lost, sum_of_delays = Threads(process), Lost(), 0.0
        while True:
            before = time.monotonic()
            await asyncio.sleep(STEP)
            now = time.monotonic()
            delay = now - before - STEP
            sum_of_delays += delay
            since = before if delay > HELD else lost.is_much(now, sum_of_delays)
            if since is not None:
                self.add(self.driver, since, now)
            if (since := threads.look(now)) is not None:
                self.add(self.gateway, since, now)
            look()

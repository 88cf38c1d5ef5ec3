"""What was sent, by whom, and what went wrong."""

import asyncio
import collections
import dataclasses
import time

from leases import Leases

# The gateway passes over a server that failed for up to ten seconds.
AFTERMATH = 12
# The driver shares the machine: when it was late by half of the shortest time limit, so may be what it measures.
LATE = 0.5


@dataclasses.dataclass(frozen=True)
class Identity:
    """A viewer as tokens name them. Without a registration it is a known user."""
    company: str
    event: str
    user: str
    registration: str | None
    name: str
    email: str
    avatar: str | None = None


class Ledger:
    """Counts by name, faults as they are found, and the identity that each visit's requests must arrive with."""

    def __init__(self):
        self.started = time.monotonic()
        self.counts = collections.Counter()
        self.faults = collections.Counter()
        self.notes = collections.Counter()
        # The identity by visit; None: nothing of it may reach the embed host as a viewer's.
        self.visits = {}
        # Everybody who visits, by company, event and user id.
        self.people = set()
        # The visit by session.
        self.sessions = {}
        self.leases = Leases()
        # Visits with a token whose key may leave the configuration: then it is nothing to the gateway, which leaves
        # it to the application.
        self.foreign = set()
        # The visits by the key that signed their token, where it may leave.
        self.signed = collections.defaultdict(set)
        # Requests that must not arrive twice.
        self.unrepeatable = set()
        # Requests that a killed server had on a connection that had served no other: it may have acted on them, so they
        # are not sent again (RFC 9112, 9.3.1). Of those that it had not read yet, only the number is known.
        self.unanswerable = set()
        self.unread = 0
        self.storm = False
        self.storm_ended = self.started - AFTERMATH
        self.late_at = -LATE
        self.worst_delay = 0.0

    def elapsed(self):
        return time.monotonic() - self.started

    def count(self, name, by=1):
        self.counts[name] += by

    def fault(self, kind, detail):
        """Something that must never happen. The first ones of a kind are printed."""
        self.faults[kind] += 1
        if self.faults[kind] <= 5:
            print(f"{self.elapsed():7.1f} s  FAULT {kind}: {detail}", flush=True)

    def new_visit(self, identity):
        name = f"v{len(self.visits)}"
        self.visits[name] = identity
        if identity:
            self.people.add((identity.company, identity.event, identity.user))
        return name

    def take_excuse(self, nonce):
        """Whether a kill explains that this request got no answer. Of those unread, each explains one."""
        if nonce in self.unanswerable:
            return True
        self.unread -= 1
        return self.unread >= 0

    def is_calm(self):
        """Whether the embed host has had no faults for long enough that the gateway relies on it again."""
        now = time.monotonic()
        return not self.storm and now - self.storm_ended > AFTERMATH and not self.is_late()

    def is_late(self):
        return time.monotonic() - self.late_at < 10

    async def watch_delay(self):
        """Notes when this process itself does not get to run in time."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.1)
            delay = time.monotonic() - before - 0.1
            self.worst_delay = max(self.worst_delay, delay)
            if delay > LATE:
                self.late_at = time.monotonic()
                self.count("driver was late")


def pattern(key, size, start=0):
    """Bytes that tell whose they are: `key` over and over, from an offset."""
    unit = f"{key};".encode()
    start %= len(unit)
    return (unit * ((start + size) // len(unit) + 1))[start:start + size]

"""What was sent, by whom, and what went wrong."""

import collections
import dataclasses
import time

from leases import Leases
from starvation import CATCHING_UP, LONG, SEEN, Stall, Starvation, total

# The gateway passes over a server that failed for up to ten seconds.
AFTERMATH = 12


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


@dataclasses.dataclass
class Suspicion:
    """What must not happen, unless such a stall explains it, up to so many seconds later."""
    kind: str
    detail: str
    stall: Stall
    at: float
    after: float


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
        # How many seconds the witness's requests took.
        self.times = []
        # Requests that must not arrive twice.
        self.unrepeatable = set()
        # Requests that a killed server had on a connection that had served no other: it may have acted on them, so they
        # are not sent again (RFC 9112, 9.3.1). Of those that it had not read yet, only the number is known.
        self.unanswerable = set()
        self.unread = 0
        self.storm = False
        self.storm_ended = self.started - AFTERMATH
        self.starvation = Starvation()
        self.suspicions = []
        # What stalls explain, by kind.
        self.excused = collections.Counter()

    def elapsed(self):
        return time.monotonic() - self.started

    def count(self, name, by=1):
        self.counts[name] += by

    def fault(self, kind, detail, at=None):
        """Something that must never happen. The first ones of a kind are printed."""
        self.faults[kind] += 1
        if self.faults[kind] <= 5:
            print(f"{(at or time.monotonic()) - self.started:7.1f} s  FAULT {kind}: {detail}", flush=True)

    def suspect(self, kind, detail, after=CATCHING_UP, stall=LONG, at=None):
        """Something that must not happen unless the driver or the gateway did not get to run: that is known a little later.

        `after`: how many seconds after such a stall it may still happen.
        """
        self.suspicions.append(Suspicion(kind, detail, stall, at or time.monotonic(), max(after, CATCHING_UP)))

    def judge(self, is_over=False):
        """Decides about what happened long enough ago; in the end, about everything."""
        now = time.monotonic()
        waiting = []
        for one in self.suspicions:
            if one.at + SEEN > now - 0.5 and not is_over:
                waiting.append(one)
            elif self.starvation.spans[one.stall].explains(one.at, one.after):
                self.excused[one.kind] += 1
            else:
                self.fault(one.kind, one.detail, one.at)
        self.suspicions = waiting

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

    def judged(self, stall=LONG, after=AFTERMATH):
        """The seconds in which no such stall explains anything, up to so many seconds later."""
        return max(self.elapsed() - total(self.starvation.spans[stall].explained(after), self.started), 0)

    def is_calm(self):
        """Whether the embed host has had no faults for long enough that the gateway relies on it again."""
        return not self.storm and time.monotonic() - self.storm_ended > AFTERMATH


def pattern(key, size, start=0):
    """Bytes that tell whose they are: `key` over and over, from an offset."""
    unit = f"{key};".encode()
    start %= len(unit)
    return (unit * ((start + size) // len(unit) + 1))[start:start + size]

"""One active session for each registration, as the embed host sees it."""

import dataclasses
import time

# A lease lasts at least three seconds after the last request of its session.
ACTIVE = 2.0
# After a viewer left, or was sent away, an earlier session of theirs may come back.
DISTURBED = 5.0
# Of two joins at about the same time, either may reach the embed host first.
TOGETHER = 0.5
# Streams of a session that was replaced end within a second.
STREAMS = 3.0


@dataclasses.dataclass
class Holder:
    session: str
    first: float
    last: float


class Leases:
    def __init__(self):
        self.holders = {}
        # When the first request of a session came.
        self.first = {}
        # When a viewer left or an operator intervened, by what of an identity was named.
        self.disturbances = {}

    def disturb(self, *names):
        for name in names:
            self.disturbances[name] = time.monotonic()

    def is_disturbed(self, identity, now):
        return any(now - self.disturbances.get(name, -DISTURBED) < DISTURBED
                   for name in (identity.event, identity.user, identity.email, identity.registration))

    def admits(self, identity, session, sent):
        """Whether a request of this session, sent at this time, may arrive now."""
        now, key = time.monotonic(), (identity.company, identity.event, identity.registration)
        is_new = (key, session) not in self.first
        first = self.first.setdefault((key, session), now)
        holder = self.holders.get(key)
        if holder and holder.session == session:
            holder.last = now
        elif not holder or is_new:
            self.holders[key] = Holder(session, now, now)
        elif sent > holder.first:
            if not self.is_disturbed(identity, now) and now - holder.last < ACTIVE and holder.first - first > TOGETHER:
                return False
            # It is back: the holder has left, or was idle.
            self.first[key, session] = now
            self.holders[key] = Holder(session, now, now)
        return True

    def is_replaced(self, identity, session):
        """Whether another session has held the lease for so long that no stream of this one may be open."""
        now = time.monotonic()
        holder = self.holders.get((identity.company, identity.event, identity.registration))
        return (holder is not None and holder.session != session and now - holder.first > STREAMS
                and now - holder.last < ACTIVE and not self.is_disturbed(identity, now))

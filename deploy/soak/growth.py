"""Whether memory grows once a run is warm."""

import dataclasses
import statistics

# After so many seconds nothing fills up any more; in a short run, after two fifths of it as far as the run can tell.
WARM = 300
# The time from then on is cut into so many windows.
WINDOWS = 6
# By which share memory may grow.
SHARE = 0.05
# The database keeps what has ended for an hour or longer. Of its connections, six for reading and one for writing, each
# has it in its cache.
CACHES = 7


@dataclasses.dataclass
class Sample:
    """How much memory it had at a time, and its database on the disk, in MiB, and how many requests there had been."""
    at: float
    size: float
    database: float
    requests: int


@dataclasses.dataclass
class Growth:
    """From the first two windows, of which the higher counts, to the last two, of which the lower does.

    Noise would have to raise both of the last ones over both of the first to look like a leak, which raises all. Of a
    window the low quartile counts, since memory that a burst needs is given back.
    """
    warm: float
    before: float
    after: float
    # By how much the database grew in between, and how many requests there were.
    database: float
    requests: int

    def allowed(self, growth):
        """By how much memory may have grown, in MiB; by so much it always may."""
        return max(self.before * SHARE, growth) + self.database * CACHES

    def is_leak(self, growth):
        return self.after - self.before > self.allowed(growth)

    def least_leak(self, growth):
        """How many bytes lost by each request would have been found."""
        return self.allowed(growth) * (1 << 20) / max(self.requests, 1)


def measure(samples):
    """None if there are too few samples to tell: at least five in each window."""
    if not samples:
        return None
    length = samples[-1].at
    warm = min(WARM, length * 2 / 5)
    step = (length - warm) / WINDOWS
    windows = [[sample for sample in samples if warm + number * step <= sample.at <= warm + (number + 1) * step]
               for number in range(WINDOWS)]
    if min(map(len, windows)) < 5:
        return None
    sizes = [statistics.quantiles([sample.size for sample in window])[0] for window in windows]
    # If it leaks, those are the second window and the last but one.
    first, last = windows[1], windows[-2]
    earlier, later = first[len(first) // 2], last[len(last) // 2]
    database, requests = later.database - earlier.database, later.requests - earlier.requests
    return Growth(warm, max(sizes[:2]), min(sizes[-2:]), database, requests)

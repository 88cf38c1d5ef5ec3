"""Load: HTTP/1.1 by wrk, HTTP/2 by h2load, a constant rate by `paced.c`; and what it cost the measured process."""

import contextlib
import http.client
import pathlib
import re
import signal
import subprocess
import time

from bench import other_processors
from processes import cpu_time
from results import Fault

STREAMS = 400  # that all HTTP/2 connections together have open, with at most 100 and at least one on each.


def streams(connections):
    return max(1, min(100, STREAMS // connections))


def on_others(command):
    """Pins the command to the processors that no measured server runs on."""
    return [str(word) for word in ("taskset", "-c", ",".join(map(str, other_processors())), *command)]


def answered(bench):
    """Requests that have reached the embed host so far."""
    connection = http.client.HTTPConnection("127.0.0.1", bench.ports["upstream"], timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/count")
        return int(connection.getresponse().read().split()[9])


class Window:
    """Measures a process's CPU time and the requests that reach the embed host, from now on."""

    def __init__(self, bench, process):
        self.bench, self.process = bench, process
        self.begin = self.read()

    def read(self):
        return cpu_time(self.process.pid), answered(self.bench), time.monotonic()

    def cost(self):
        """Microseconds of CPU time a request, and requests a second."""
        before, now = self.begin, self.read()
        # Asking for the count is itself a request.
        count = now[1] - before[1] - 1
        if count <= 0:
            raise Fault("no request came through")
        return (now[0] - before[0]) / count * 1e6, count / (now[2] - before[2])


def cost_under_load(bench, process, url, connections, header, seconds):
    """CPU time per request at full load, and requests per second, measured once all connections are open.

    URLs begin with `http` and `https`, which are HTTP/1.1, or with `h2c` and `h2` for HTTP/2.
    """
    scheme, _, rest = url.partition(":")
    if scheme in ("http", "https"):
        command = ["wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "10s", "-H", header, url]
    else:
        # Not -D: h2load then hangs when some connections are not open at the end.
        command = ["h2load", "-t1", f"-c{connections}", f"-m{streams(connections)}", "-n1000000000", "-H", header,
                   f"{'https' if scheme == 'h2' else 'http'}:{rest}"]
    load = subprocess.Popen(on_others(command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        time.sleep(0.4 + connections * (0.0015 if scheme in ("https", "h2") else 0.0002))
        if connections > 64:
            settle(bench, process)
        window = Window(bench, process)
        time.sleep(seconds)
        cost = window.cost()
        if command[0] == "wrk":
            load.send_signal(signal.SIGINT)
            report, _ = load.communicate(timeout=30)
            if fault := re.search(r"Non-2xx.*|Socket errors.*", report):
                raise Fault(fault[0])
        elif load.poll() is not None:
            raise Fault(f"h2load ended: {load.stdout.read().strip()[-200:]}")
    finally:
        load.kill()
        load.communicate()
    return cost


def settle(bench, process, limit=30):
    """Waits until the cost of a request stops falling, which shows that all connections are open."""
    deadline = time.monotonic() + limit
    last = None
    while time.monotonic() < deadline:
        window = Window(bench, process)
        time.sleep(0.3)
        with contextlib.suppress(Fault):
            cost, _ = window.cost()
            if last and cost > 0.9 * last:
                return
            last = cost


class Paced:
    """The constant-rate generator, compiled into the run's folder."""

    def __init__(self, bench):
        self.bench, self.program = bench, bench.folder / "paced"
        source = pathlib.Path(__file__).with_name("paced.c")
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.program, source], check=True)

    def cost_of_tokens(self, process, port, path, tokens, connections):
        """CPU time per request, and requests per second, at full load with a new token in each request."""
        file = self.bench.folder / "headers"
        file.write_text("".join(f"Authorization: Bearer {token}\n" for token in tokens))
        window = Window(self.bench, process)
        self.run(port, connections, 1e6, 1, path, f"@{file}")
        return window.cost()

    def percentiles(self, port, connections, rate, seconds, path, header):
        """p50, p99, p99.9 and the longest time, in milliseconds."""
        return [float(word) for word in self.run(port, connections, rate, seconds, path, header).split()[1:]]

    def run(self, port, connections, rate, seconds, *words):
        report = subprocess.run(
            on_others([self.program, port, connections, rate, seconds, *words]),
            capture_output=True, text=True, check=False, timeout=seconds + 60)
        if report.returncode:
            raise Fault(report.stderr.strip())
        return report.stdout

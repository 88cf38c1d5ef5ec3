"""CPU time per request and latency, over HTTP/1.1 in clear text and over HTTP/2 and TLS 1.3."""

import os
import pathlib
import re
import statistics
import subprocess
import sys

from servers import PATH, compare, cpu_time, haproxy_version

CONNECTIONS = 64
STREAMS = 100
HTTP2_CONNECTIONS = 4
HTTP2_REQUESTS = 100_000

median = statistics.median


class Subject:
    """A proxy under load."""

    def __init__(self, name, pid, port, header, scheme="http"):
        self.name, self.pid, self.header = name, pid, header
        self.url = f"{scheme}://127.0.0.1:{port}{PATH}"
        self.cpu, self.rate, self.p50, self.p99, self.paced_rate = [], [], [], [], []

    def load(self, seconds, *options):
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", self.header, *options, self.url]
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if fault := re.search(r"Non-2xx.*|Socket errors.*", report):
            sys.exit(f"{self.name}: {fault[0]}")
        return report

    def measure_speed(self, seconds):
        before = cpu_time(self.pid)
        report = self.load(seconds)
        used = cpu_time(self.pid) - before
        self.cpu.append(used / int(re.search(r"(\d+) requests in", report)[1]) * 1e6)
        self.rate.append(requests_a_second(report))

    def measure_latency(self, seconds):
        report = self.load(seconds, "-s", str(pathlib.Path(__file__).with_name("paced.lua")))
        self.p50.append(milliseconds(re.search(r"(?m)^\s+50%\s+(\S+)", report)[1]))
        self.p99.append(milliseconds(re.search(r"(?m)^\s+99%\s+(\S+)", report)[1]))
        self.paced_rate.append(requests_a_second(report))

    def measure_http2(self):
        command = ["h2load", "-t1", f"-c{HTTP2_CONNECTIONS}", f"-m{STREAMS}", f"-n{HTTP2_REQUESTS}",
                   "-H", self.header, self.url]
        before = cpu_time(self.pid)
        report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        used = cpu_time(self.pid) - before
        if f"status codes: {HTTP2_REQUESTS} 2xx" not in report or "Application protocol: h2" not in report:
            sys.exit(f"{self.name}:\n{report}")
        self.cpu.append(used / HTTP2_REQUESTS * 1e6)
        self.rate.append(float(re.search(r"finished in \S+, (\S+) req/s", report)[1]))

    def print_cpu(self):
        print(f"  {self.name:<34} {median(self.cpu):6.1f} ({min(self.cpu):.1f} to {max(self.cpu):.1f}) "
              f"{median(self.rate):10,.0f}")


def in_turns(subjects, rounds, measure):
    """Each subject begins a round in turn."""
    for number in range(rounds):
        for place in range(len(subjects)):
            measure(subjects[(place + number) % len(subjects)])


def http1(servers, options):
    with servers.proxies() as (haproxy, gateway):
        token = servers.token("r1")
        bearer = f"Authorization: Bearer {token}"
        plain, hs256, own = subjects = [
            Subject(f"HAProxy {haproxy_version()}, plain", haproxy.pid, servers.ports["plain"], bearer),
            Subject(f"HAProxy {haproxy_version()}, HS256 checked", haproxy.pid, servers.ports["hs256"], bearer),
            Subject("gateway, HS256 session and lease", gateway.pid, servers.ports["gateway"],
                    "Cookie: " + servers.join(token)),
        ]
        print(f"{options.rounds} rounds of {options.seconds} s each, {CONNECTIONS} keep-alive connections, "
              f"{os.cpu_count()} processors, load before the run {os.getloadavg()[0]:.1f}\n", flush=True)
        for subject in subjects:
            subject.load(1)

        def measure(subject):
            subject.measure_speed(options.seconds)
            subject.measure_latency(options.seconds)
        in_turns(subjects, options.rounds, measure)
    print("CPU time per request, user + system, µs: median (lowest to highest); requests a second as fast as they go")
    for subject in subjects:
        subject.print_cpu()
    compare("CPU", median(own.cpu), median(hs256.cpu), "HS256", 0.70)
    compare("CPU", median(own.cpu), median(plain.cpu), "plain", 1.00)
    print("\nLatency at the same offered load, ms: median of the rounds' p50 and p99; requests a second")
    for subject in subjects:
        print(f"  {subject.name:<34} {median(subject.p50):6.3f} {median(subject.p99):6.3f} "
              f"{median(subject.paced_rate):18,.0f}")
    for percentile in ("p50", "p99"):
        for peer, name, target in ((hs256, "HS256", 0.70), (plain, "plain", 1.00)):
            compare(percentile, median(getattr(own, percentile)), median(getattr(peer, percentile)), name, target)


def http2(servers, options):
    with servers.proxies() as (haproxy, gateway):
        token = servers.token("r1")
        bearer = f"Authorization: Bearer {token}"
        hs256, own = subjects = [
            Subject("HAProxy, HS256 checked", haproxy.pid, servers.ports["hs256_tls"], bearer, "https"),
            Subject("gateway, HS256 session and lease", gateway.pid, servers.ports["gateway_tls"],
                    "Cookie: " + servers.join(token), "https"),
        ]
        in_turns(subjects, options.rounds, Subject.measure_http2)
    print(f"\nHTTP/2 over TLS 1.3, {HTTP2_CONNECTIONS} connections with {STREAMS} streams each: CPU time per request, µs; "
          "requests a second")
    for subject in subjects:
        subject.print_cpu()
    compare("CPU", median(own.cpu), median(hs256.cpu), "HS256", 0.80)


def requests_a_second(report):
    return float(re.search(r"Requests/sec:\s+(\S+)", report)[1])


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

"""Measures the gateway beside HAProxy: CPU time per request, latency at one offered load, memory per idle viewer.

Both stand in front of the same nginx and get the same requests, one after the other, in rounds. Started by `run`.
"""

import argparse
import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import resource
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 64
IDLE_VIEWERS = 8_000
LEASES = 1_000_000
PATH = "/event/e1/page"

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 10000; }}
http {{
    access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{upstream}; location / {{ default_type text/html; return 200 "hello\\n"; }} }}
}}
"""

HAPROXY = """
global
    nbthread {threads}
    maxconn 9000
defaults
    mode http
    timeout connect 2s
    timeout client 600s
    timeout server 600s
    timeout http-keep-alive 600s
frontend plain
    bind 127.0.0.1:{plain}
    default_backend embed-host
frontend hs256
    bind 127.0.0.1:{hs256}
    http-request set-var(txn.token) http_auth_bearer
    http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
    http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
    http-request set-var(txn.now) date()
    http-request deny unless {{ var(txn.alg) -m str HS256 }}
    http-request deny unless {{ var(txn.token),jwt_verify(txn.alg,"{secret}") 1 }}
    http-request deny unless {{ var(txn.exp),sub(txn.now) -m int gt 0 }}
    default_backend embed-host
backend embed-host
    server one 127.0.0.1:{upstream}
"""

GATEWAY = """
public_url = "http://localhost:{gateway}"
[[listener]]
address = "127.0.0.1:{gateway}"
[admin]
address = "127.0.0.1:{admin}"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{upstream}"]
[[route]]
path = "/event/{{event}}/**"
upstream = "embed-host"
access = "token"
[[company]]
id = "acme"
embed_origins = ["https://www.acme.example"]
[[company.key]]
id = "acme-1"
algorithm = "HS256"
secret_file = "acme.secret"
[sessions]
cookie_key_file = "cookie.key"
[identity]
assertion_key_file = "assertion.key"
[limits]
joins_per_minute = 0
idle_timeout = "600s"
[log]
access = false
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    options = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder, contextlib.ExitStack() as servers:
        bench = Bench(pathlib.Path(folder), options, servers)
        bench.speed()
        bench.memory()
    leases(options.programs)


class Bench:
    """The servers, and what is measured on them."""

    def __init__(self, folder, options, servers):
        self.folder, self.options, self.servers = folder, options, servers
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        (folder / "acme.secret").write_text(self.secret + "\n")
        self.ports = free_ports("upstream", "plain", "hs256", "gateway", "admin")
        self.start("nginx.conf", NGINX, ["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"], "upstream")
        self.haproxy_command = ["/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg"]
        self.gateway_command = [options.programs / "gateway", "run", folder / "gateway.conf"]

    def start(self, name, text, command, port):
        """Starts a server that ends with this process, and returns it once it listens."""
        values = dict(self.ports, folder=self.folder, secret=self.secret, threads=os.cpu_count())
        (self.folder / name).write_text(text.format(**values))
        log = open(self.folder / (name + ".log"), "w")
        server = self.servers.enter_context(running(command, log))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[port])).close()
                return server
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} does not start:\n" + (self.folder / (name + ".log")).read_text())
                time.sleep(0.05)

    def start_proxies(self):
        haproxy = self.start("haproxy.cfg", HAPROXY, self.haproxy_command, "hs256")
        gateway = self.start("gateway.conf", GATEWAY, self.gateway_command, "gateway")
        return haproxy, gateway

    def token(self, registration):
        """A registration token as a customer's backend would sign it."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + 3600, "companyId": "acme", "eventId": "e1", "sub": registration,
                  "registrationId": registration, "name": "Ada Lovelace", "email": f"{registration}@example.com"}
        parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "acme-1"}, claims)]
        code = hmac.new(self.secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
        return ".".join(parts + [encoded(code)])

    def join(self, token):
        """Joins with the token, as an API client does; returns the cookie that it got."""
        head = subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-D", "-", "-H", f"Authorization: Bearer {token}",
             f"http://127.0.0.1:{self.ports['gateway']}{PATH}"], check=True, capture_output=True, text=True).stdout
        cookie = re.search(r"(?im)^set-cookie: ([^;\r]*)", head)
        if not cookie:
            sys.exit(f"the gateway did not let the viewer join:\n{head}")
        return cookie[1]

    def speed(self):
        haproxy, gateway = self.start_proxies()
        token = self.token("r1")
        bearer = f"Authorization: Bearer {token}"
        subjects = [
            Subject(f"HAProxy {haproxy_version()}, plain", haproxy.pid, self.ports["plain"], bearer),
            Subject(f"HAProxy {haproxy_version()}, HS256 checked", haproxy.pid, self.ports["hs256"], bearer),
            Subject("gateway, HS256 session and lease", gateway.pid, self.ports["gateway"], "Cookie: " + self.join(token)),
        ]
        rounds, seconds = self.options.rounds, self.options.seconds
        print(f"{rounds} rounds of {seconds} s each, {CONNECTIONS} keep-alive connections, {os.cpu_count()} processors, "
              f"load before the run {os.getloadavg()[0]:.1f}\n", flush=True)
        for subject in subjects:
            subject.load(1)
        for number in range(rounds):
            for place in range(len(subjects)):
                # Each begins a round in turn.
                subject = subjects[(place + number) % len(subjects)]
                subject.measure_speed(seconds)
                subject.measure_latency(seconds)
        plain, hs256, own = subjects
        print("CPU time per request, user + system, µs: median (lowest to highest); requests a second as fast as they go")
        for subject in subjects:
            print(f"  {subject.name:<34} {median(subject.cpu):6.1f} ({min(subject.cpu):.1f} to {max(subject.cpu):.1f}) "
                  f"{median(subject.rate):10,.0f}")
        compare("CPU", median(own.cpu), median(hs256.cpu), "HS256", 0.70)
        compare("CPU", median(own.cpu), median(plain.cpu), "plain", 1.00)
        print("\nLatency at the same offered load, ms: median of the rounds' p50 and p99; requests a second")
        for subject in subjects:
            print(f"  {subject.name:<34} {median(subject.p50):6.3f} {median(subject.p99):6.3f} "
                  f"{median(subject.paced_rate):18,.0f}")
        for percentile in ("p50", "p99"):
            for peer, name, target in ((hs256, "HS256", 0.70), (plain, "plain", 1.00)):
                compare(percentile, median(getattr(own, percentile)), median(getattr(peer, percentile)), name, target)
        self.stop(haproxy, gateway)

    def memory(self):
        haproxy, gateway = self.start_proxies()
        tokens = [self.token(f"viewer-{number}") for number in range(IDLE_VIEWERS)]
        print(f"\nResident memory that {IDLE_VIEWERS:,} idle keep-alive viewers add, each with a token of its own")
        for name, server, port in (("HAProxy, HS256 checked", haproxy, "hs256"), ("gateway", gateway, "gateway")):
            ask(self.ports[port], tokens[:1])[0].close()
            before = resident(server.pid)
            clients = ask(self.ports[port], tokens)
            time.sleep(1)
            added = resident(server.pid) - before
            target = ", at most 80.0 wanted" if name == "gateway" else ""
            print(f"  {name:<34} {added / 1e6:6.1f} MB, {added / IDLE_VIEWERS / 1024:.1f} KiB each{target}", flush=True)
            for client in clients:
                client.close()
        self.stop(haproxy, gateway)

    @staticmethod
    def stop(*servers):
        for server in servers:
            server.kill()
            server.wait()


class Subject:
    """A proxy under load."""

    def __init__(self, name, pid, port, header):
        self.name, self.pid, self.header = name, pid, header
        self.url = f"http://127.0.0.1:{port}{PATH}"
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


@contextlib.contextmanager
def running(command, log):
    server = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    try:
        yield server
    finally:
        if server.poll() is None:
            server.terminate()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


def free_ports(*names):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return dict(zip(names, ports))


def ask(port, tokens):
    """One keep-alive connection for each token, after one request on it."""
    clients = []
    for token in tokens:
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        answer = client.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            sys.exit(f"port {port}: {answer[:200]!r}")
        clients.append(client)
    return clients


def leases(programs):
    print(f"\nLeases, {LEASES:,} of them: at most 200 bytes each and 1000 ns an operation wanted", flush=True)
    report = subprocess.run([programs / "lease-benchmark", str(LEASES)], check=True, capture_output=True, text=True).stdout
    print("\n".join("  " + line for line in report.splitlines()))


def compare(what, own, peer, name, target):
    verdict = "reached" if own / peer <= target else "missed"
    print(f"  {what}: gateway / HAProxy {name:<6} {own / peer:5.2f}, target {target:.2f}: {verdict}")


def haproxy_version():
    report = subprocess.run(["/usr/sbin/haproxy", "-v"], check=True, capture_output=True, text=True).stdout
    return re.search(r"version (\d+\.\d+\.\d+)", report)[1]


def cpu_time(pid):
    """Seconds of user and system time that the process has used, in all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def requests_a_second(report):
    return float(re.search(r"Requests/sec:\s+(\S+)", report)[1])


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


median = statistics.median

if __name__ == "__main__":
    main()

"""TLS handshakes, and bodies of 1 GB."""

import itertools
import socket
import ssl
import subprocess
import time

from load import on_others
from processes import cpu_time
from results import Fault
from subjects import BIG_FILE, PLAIN

HANDSHAKES = 500


def context():
    """A TLS 1.3 client that skips verification, since only the server is measured."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    return made


def handshakes(field, options, results):
    bench = field.bench
    with field.running(PLAIN) as processes:
        def cost(subject, resumes):
            port, client = subject.port(bench, "tls"), context()
            session = ticket(port, client) if resumes else None
            pid = processes[subject.name].pid
            before = cpu_time(pid)
            for _ in range(HANDSHAKES):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    with client.wrap_socket(connection, server_hostname="localhost", session=session) as secure:
                        if secure.session_reused != resumes:
                            raise Fault("the session was not resumed" if resumes else "a session was resumed")
            # Lets the server close the last connections.
            time.sleep(0.1)
            return [(cpu_time(pid) - before) / HANDSHAKES * 1e6]
        for name, resumes in (("full", False), ("resumed", True)):
            results.measure(
                "TLS 1.3 handshakes", [f"{name}, P-256"], "µs of CPU each", field.among(PLAIN), options.rounds,
                lambda subject: cost(subject, resumes))


def ticket(port, client):
    """A session to resume. Its ticket arrives no later than the first response."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        with client.wrap_socket(connection, server_hostname="localhost") as secure:
            secure.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            while secure.recv(65536):
                pass
            return secure.session


def bodies(field, options, results):
    """Transfers one body over one connection for a viewer who has joined."""
    bench = field.bench
    big = bench.folder / "files/event/e1/big"
    directions = {"down": ("big", ["-o", "/dev/null"]), "up": ("sink", ["-o", "/dev/null", "-T", big, "-H", "Expect:"])}
    transports = {"HTTP/1.1": ("http1", ["--http1.1"]), "HTTP/1.1 over TLS 1.3": ("tls", ["--http1.1", "--tlsv1.3"]),
                  "HTTP/2 over TLS 1.3": ("h2", ["--http2", "--tlsv1.3"])}
    for transport, direction in itertools.product(transports, directions):
        with field.running(PLAIN) as processes:
            cookie = "Cookie: " + bench.join(bench.keys.token("viewer-big"))
            (key, words), (path, more) = transports[transport], directions[direction]

            def cost(subject):
                scheme = "http" if key == "http1" else "https"
                pid = processes[subject.name].pid
                before = cpu_time(pid)
                report = subprocess.run(
                    on_others(["curl", "-sSk", *words, "-H", cookie, *more,
                               "-w", "%{http_code} %{size_download} %{size_upload}",
                               f"{scheme}://127.0.0.1:{subject.port(bench, key)}/event/e1/{path}"]),
                    capture_output=True, text=True, check=False, timeout=120)
                answer = report.stdout.split()
                if report.returncode or answer[0] != "200" or BIG_FILE not in (int(answer[1]), int(answer[2])):
                    raise Fault(f"curl: {report.stdout} {report.stderr}".strip())
                return [cpu_time(pid) - before]
            results.measure(
                "bodies of 1 GB", [f"{direction}, {transport}"], "s of CPU", field.among(PLAIN), options.rounds, cost)

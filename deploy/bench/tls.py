"""TLS: handshakes and large bodies."""

import socket
import ssl
import statistics
import subprocess
import sys

from servers import BIG_FILE, compare, cpu_time

HANDSHAKES = 1_000


def context(version=ssl.TLSVersion.TLSv1_3):
    """A client that trusts anybody: only work is measured here."""
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    return made


def handshakes(servers):
    print(f"\nTLS handshakes a second of CPU time, {HANDSHAKES:,} of each, P-256")
    with servers.proxies() as (haproxy, gateway):
        for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
            for resumes in (False, True):
                costs = {}
                for name, server, port in (("HAProxy", haproxy, "plain_tls"), ("gateway", gateway, "gateway_tls")):
                    costs[name] = handshake_cost(server.pid, servers.ports[port], version, resumes)
                label = f"{version.name.replace('_', '.')} {'resumed' if resumes else 'full'}"
                print(f"  {label:<18} HAProxy {1 / costs['HAProxy']:8,.0f}   gateway {1 / costs['gateway']:8,.0f}")
                compare(f"CPU, {label}", costs["gateway"], costs["HAProxy"], "", 1.00)


def handshake_cost(pid, port, version, resumes):
    """Seconds of the server's CPU time for one handshake."""
    client, session = context(version), None
    if resumes:
        session = handshake(port, client, None)
    before = cpu_time(pid)
    for _ in range(HANDSHAKES):
        handshake(port, client, session)
    return max(cpu_time(pid) - before, 0.01) / HANDSHAKES


def handshake(port, client, session):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        with client.wrap_socket(connection, server_hostname="localhost", session=session) as secure:
            # A ticket of TLS 1.3 comes with or after the first answer.
            if session is None and client.maximum_version == ssl.TLSVersion.TLSv1_3:
                secure.sendall(b"GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                secure.recv(4096)
            elif session is not None and not secure.session_reused:
                sys.exit(f"port {port}: the session was not resumed")
            return secure.session


def bodies(servers, rounds):
    print(f"\nA body of 1 GB over TLS 1.3 and HTTP/1.1: seconds of CPU time, median of {rounds}")
    with servers.proxies() as (haproxy, gateway):
        cookie = "Cookie: " + servers.join(servers.token("r1"))
        big = servers.folder / "files/event/e1/big"
        for name, path, options in (("down", "big", ["-o", "/dev/null"]), ("up", "sink", ["-o", "/dev/null", "-T", big])):
            costs = {"HAProxy": [], "gateway": []}
            for _ in range(rounds):
                for who, server, port in (("HAProxy", haproxy, "plain_tls"), ("gateway", gateway, "gateway_tls")):
                    before = cpu_time(server.pid)
                    report = subprocess.run(
                        ["curl", "-sSk", "--http1.1", "--tlsv1.3", "-H", cookie, "-H", "Expect:", *options,
                         "-w", "%{http_code} %{size_download} %{size_upload}",
                         f"https://localhost:{servers.ports[port]}/event/e1/{path}"],
                        check=True, capture_output=True, text=True).stdout.split()
                    if report[0] != "200" or BIG_FILE not in (int(report[1]), int(report[2])):
                        sys.exit(f"{who}, {name}: {report}")
                    costs[who].append(cpu_time(server.pid) - before)
            own, peer = statistics.median(costs["gateway"]), statistics.median(costs["HAProxy"])
            print(f"  {name:<6} HAProxy {peer:5.2f}   gateway {own:5.2f}")
            compare(f"CPU, {name}", own, peer, "", 1.00)

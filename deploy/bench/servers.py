"""The servers of a run: nginx as embed host, and the gateway and HAProxy in front of it, doing the same work."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import time

PATH = "/event/e1/page"
BIG_FILE = 1 << 30

NGINX = """
{user}daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 10000; }}
http {{
    access_log off; keepalive_requests 100000000; keepalive_timeout 600s; sendfile on;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{upstream}; default_type text/html;
        location / {{ return 200 "hello\\n"; }}
        location /event/e1/big {{ root {folder}/files; }}
    }}
}}
"""

HAPROXY = """
global
    nbthread {threads}
    maxconn 9000
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 2s
    timeout client 600s
    timeout server 600s
    timeout tunnel 600s
    timeout http-keep-alive 600s
frontend plain
    bind 127.0.0.1:{plain}
    bind 127.0.0.1:{plain_tls} ssl crt {folder}/both.pem alpn h2,http/1.1
    use_backend sockets if {{ path_beg /event/e1/socket }}
    use_backend sink if {{ path_beg /event/e1/sink }}
    default_backend embed-host
frontend hs256
    bind 127.0.0.1:{hs256}
    bind 127.0.0.1:{hs256_tls} ssl crt {folder}/both.pem alpn h2,http/1.1
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
backend sockets
    server one 127.0.0.1:{sockets}
backend sink
    server one 127.0.0.1:{sink}
"""

GATEWAY = """
public_url = "http://localhost:{gateway}"
[[listener]]
address = "127.0.0.1:{gateway}"
[[listener]]
address = "127.0.0.1:{gateway_tls}"
certificate = "certificate.pem"
key = "key.pem"
[admin]
address = "127.0.0.1:{admin}"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{upstream}"]
[[upstream]]
name = "sockets"
servers = ["127.0.0.1:{sockets}"]
[[upstream]]
name = "sink"
servers = ["127.0.0.1:{sink}"]
[[route]]
path = "/event/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/event/{{event}}/socket"
upstream = "sockets"
access = "token"
[[route]]
path = "/event/{{event}}/sink"
upstream = "sink"
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
connections_per_address = 0
joins_per_minute = 0
body_size = "2GiB"
idle_timeout = "600s"
[log]
access = false
"""


class Servers:
    """Starts servers in a folder of their own; they end with `exits`."""

    def __init__(self, folder, programs, exits):
        self.folder, self.programs, self.exits = folder, programs, exits
        self.secret = base64.b64encode(secrets.token_bytes(32)).decode()
        (folder / "acme.secret").write_text(self.secret + "\n")
        self.ports = free_ports(
            "upstream", "sockets", "sink", "plain", "plain_tls", "hs256", "hs256_tls", "gateway", "gateway_tls", "admin")
        self.make_certificate()
        big = folder / "files/event/e1/big"
        big.parent.mkdir(parents=True)
        with open(big, "wb") as file:
            file.truncate(BIG_FILE)
        self.start("nginx.conf", NGINX, ["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf"], "upstream")
        for name in ("sockets", "sink"):
            script = pathlib.Path(__file__).with_name("upstreams.py")
            self.start(name, "", [sys.executable, script, name, str(self.ports[name])], name)

    def make_certificate(self):
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        (self.folder / "both.pem").write_text(certificate.read_text() + key.read_text())

    def start(self, name, text, command, port):
        """Starts a server and returns it once it listens."""
        # Only root's own workers may read a temporary folder of root's.
        user = "user root;\n" if os.getuid() == 0 else ""
        values = dict(self.ports, folder=self.folder, secret=self.secret, threads=os.cpu_count(), user=user)
        if text:
            (self.folder / name).write_text(text.format(**values))
        log = open(self.folder / (name + ".log"), "w")
        server = self.exits.enter_context(running(command, log))
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.ports[port])).close()
                return server
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"{command[0]} does not start:\n" + (self.folder / (name + ".log")).read_text())
                time.sleep(0.05)

    @contextlib.contextmanager
    def proxies(self):
        """HAProxy and the gateway, fresh."""
        haproxy = self.start(
            "haproxy.cfg", HAPROXY, ["/usr/sbin/haproxy", "-db", "-f", self.folder / "haproxy.cfg"], "hs256")
        gateway = self.start(
            "gateway.conf", GATEWAY, [self.programs / "gateway", "run", self.folder / "gateway.conf"], "gateway")
        try:
            yield haproxy, gateway
        finally:
            for server in (haproxy, gateway):
                server.kill()
                server.wait()

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


def haproxy_version():
    report = subprocess.run(["/usr/sbin/haproxy", "-v"], check=True, capture_output=True, text=True).stdout
    return re.search(r"version (\d+\.\d+\.\d+)", report)[1]


def cpu_time(pid):
    """Seconds of user and system time that the process has used, in all its threads."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compare(what, own, peer, name, target):
    verdict = "reached" if own / peer <= target else "missed"
    print(f"  {what}: gateway / HAProxy {name:<6} {own / peer:5.2f}, target {target:.2f}: {verdict}", flush=True)

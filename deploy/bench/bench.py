"""The folder of a run: ports, keys, certificates and configuration files, and the servers that run from it."""

import contextlib
import http.client
import os
import pathlib
import re
import subprocess

from processes import free_ports, processors, running, wait_until_listening
from tokens import Keys

PATH = "/event/e1/page"
CONFIGURATIONS = pathlib.Path(__file__).with_name("conf")
PORTS = (
    "upstream", "sockets", "sink", "gateway", "gateway_tls", "admin", "haproxy", "haproxy_tls",
    "haproxy_hs256", "haproxy_hs256_tls", "haproxy_rs256", "haproxy_es256", "nginx", "nginx_tls", "nginx_h2c",
    "envoy", "envoy_tls", "envoy_jwt", "envoy_jwt_tls")


def make_certificate(folder):
    """Writes `certificate.pem` for localhost, its `key.pem`, and `both.pem`."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    (folder / "both.pem").write_text(certificate.read_text() + key.read_text())


class Bench:
    """Prepares an empty folder for the servers, which run until `exits` closes."""

    def __init__(self, folder, gateway, exits):
        self.folder, self.gateway, self.exits = folder, gateway, exits
        self.keys = Keys(folder)
        self.ports = free_ports(*PORTS)
        make_certificate(folder)

    def configuration(self, name):
        """Writes a file of `conf/` into the folder, with `@name@` filled in."""
        values = {name: str(port) for name, port in self.ports.items()}
        # A worker that drops its privileges could not read root's temporary folder.
        values |= {"folder": str(self.folder), "secret": self.keys.secret, "jwks": self.keys.jwks(),
                   "user": "user root;" if os.getuid() == 0 else "", "page": "x" * 100}
        text = (CONFIGURATIONS / name).read_text()
        path = self.folder / name
        path.write_text(re.sub(r"@(\w+)@", lambda match: values[match[1]], text))
        return path

    @contextlib.contextmanager
    def server(self, name, command, port, processor=None, seconds=10):
        """Runs a server; enters the block once it listens."""
        path = self.folder / f"{name}.log"
        with open(path, "w") as log, running(command, log, processor) as process:
            wait_until_listening(process, self.ports[port], path, seconds)
            yield process

    def start(self, *arguments, **options):
        """Runs a server until the end of the run."""
        return self.exits.enter_context(self.server(*arguments, **options))

    def join(self, token, port="gateway"):
        """Joins with the token and returns the session cookie."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=60)
        connection.request("GET", PATH, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        cookie = answer.getheader("Set-Cookie")
        if answer.status != 200 or not cookie:
            raise SystemExit(f"the gateway did not let the viewer join: {answer.status}\n{answer.headers}")
        return cookie.partition(";")[0]


def measured_processor():
    """The processor that measured servers are pinned to. Load and upstreams share the others."""
    return str(processors()[0])


def other_processors():
    return processors()[1:] or processors()

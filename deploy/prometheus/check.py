"""Asks a Prometheus that scrapes a running gateway every query of the alerts and the dashboard. Started by `check`."""

import argparse
import contextlib
import http.client
import http.server
import json
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from processes import free_ports, running

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What Grafana puts in place of its variables.
VARIABLES = {"$__rate_interval": "1m", "$instance": ".*"}
# Seconds for whatever must happen: a start, a scrape, a query's first answer.
PATIENCE = 60

CONFIGURATION = """
public_url = "http://localhost:8080"
[[listener]]
address = "127.0.0.1:0"
[[listener]]
address = "127.0.0.1:0"
certificate = "{folder}/certificate.pem"
key = "{folder}/key.pem"
[admin]
address = "127.0.0.1:0"
[[upstream]]
name = "embed-host"
servers = ["127.0.0.1:{upstream}"]
[[upstream]]
name = "gone"
servers = ["127.0.0.1:{gone}"]
[[route]]
path = "/event/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/networking/{{event}}/**"
upstream = "embed-host"
access = "token"
[[route]]
path = "/public/**"
upstream = "embed-host"
access = "public"
[[route]]
path = "/gone/**"
upstream = "gone"
access = "public"
[[route]]
path = "/api/**"
upstream = "control"
access = "public"
[sessions]
cookie_key_file = "{folder}/cookie.key"
[identity]
assertion_key_file = "{folder}/assertion.key"
[control]
enabled = true
database = "{folder}/gateway.sqlite"
[[company]]
id = "acme"
name = "Acme"
client_secret_files = ["{folder}/client.secret"]
[[company.key]]
id = "acme-1"
algorithm = "HS256"
secret_file = "{folder}/key.secret"
"""

SCRAPES = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: gateway
    static_configs: [{{targets: ["127.0.0.1:{admin}"]}}]
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=pathlib.Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-prometheus-") as name, contextlib.ExitStack() as exits:
        folder = pathlib.Path(name)
        gateway = Gateway(options.program.resolve(), folder, exits)
        gateway.use()
        prometheus = start_prometheus(folder, gateway.admin, exits)
        faults = list(ask_all(prometheus, gateway))
    for fault in faults:
        print(fault, file=sys.stderr)
    raise SystemExit(1 if faults else 0)


class Gateway:
    """A running gateway with an embed host behind it, and one upstream that is gone."""

    def __init__(self, program, folder, exits):
        upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmbedHost)
        exits.callback(upstream.shutdown)
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        # Held, so that nobody else listens there.
        gone = exits.enter_context(socket.socket())
        gone.bind(("127.0.0.1", 0))
        self.client_secret = secrets.token_urlsafe(32)
        for file, text in (("client.secret", self.client_secret), ("key.secret", secrets.token_urlsafe(32))):
            (folder / file).write_text(text + "\n")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
                       check=True, capture_output=True)
        file = folder / "gateway.conf"
        file.write_text(CONFIGURATION.format(folder=folder, upstream=upstream.server_port, gone=gone.getsockname()[1]))
        self.log = folder / "gateway.log"
        self.process = start(exits, [program, "run", file], self.log)
        self.admin, self.port = wait_for("the gateway to listen", self.addresses)

    def addresses(self):
        """The ports of the admin listener and the first other one, once the log has them."""
        text = self.log.read_text()
        if self.process.poll() is not None:
            raise SystemExit(f"the gateway has stopped: {text}")
        admin = re.search(r"admin listens on 127\.0\.0\.1:(\d+)", text)
        others = re.findall(r"listening on 127\.0\.0\.1:(\d+)", text)
        return (int(admin[1]), int(others[0])) if admin and others else None

    def ask(self, method, path, body=None, **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            fields = {"Host": "localhost:8080", **{name.replace("_", "-"): value for name, value in fields.items()}}
            connection.request(method, path, body and json.dumps(body), fields)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def use(self):
        """Makes requests of every kind that the queries ask for."""
        self.expect(200, "GET", "/public/page")
        self.expect(502, "GET", "/gone/page")
        self.expect(401, "GET", "/event/e1?token=no.token.atall")
        self.expect(200, "POST", "/api/oauth/token", {
            "grant_type": "client_credentials", "client_id": "acme", "client_secret": self.client_secret,
        }, Content_Type="application/json")

    def expect(self, status, *request, **fields):
        got, body = self.ask(*request, **fields)
        if got != status:
            raise SystemExit(f"{request[:2]}: {got} instead of {status}: {body[:300]!r}")
        return body


class EmbedHost(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


def start_prometheus(folder, admin, exits):
    """Starts a Prometheus that scrapes the gateway. Returns its port."""
    file = folder / "prometheus.yml"
    file.write_text(SCRAPES.format(rules=ROOT / "prometheus" / "alerts.yml", admin=admin))
    port = free_ports("prometheus")["prometheus"]
    start(exits, ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder}/data",
                  f"--web.listen-address=127.0.0.1:{port}"], folder / "prometheus.log")
    wait_for("Prometheus", lambda: query(port, 'up{job="gateway"} == 1'))
    return port


def start(exits, command, log):
    return exits.enter_context(running(command, exits.enter_context(log.open("w"))))


def wait_for(what, condition):
    """Returns the first true value of `condition`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        # A Prometheus that is starting answers, but not in JSON.
        with contextlib.suppress(OSError, json.JSONDecodeError):
            if value := condition():
                return value
        time.sleep(0.1)
    raise SystemExit(f"waited {PATIENCE} s for {what}")


def query(port, text):
    """The series that a query returns. Exits if Prometheus refuses the query."""
    answer = get(port, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    if answer["status"] != "success":
        raise SystemExit(f"{text}: {answer}")
    return answer["data"]["result"]


def ask_all(prometheus, gateway):
    """Asks every query, and yields those without the series that they are about."""
    wait_for("two scrapes", lambda: query(prometheus, "rate(gateway_loops[1m])"))
    queries = {text: "the dashboard" for text in dashboard_queries()}
    rules = get(prometheus, "/api/v1/rules")["data"]["groups"]
    queries |= {rule["query"]: rule["name"] for group in rules for rule in group["rules"]}
    for text, place in queries.items():
        query(prometheus, text)
        # Whether a query's condition holds is the alerts' matter; that each of its metrics exists is this one's.
        for metric in sorted(set(re.findall(r"\b(?:gateway|process)_\w+(?:\{[^}]*\})?", text))):
            if not is_there(prometheus, gateway, metric):
                yield f"{place}: no series for {metric} in {text}"
    print(f"{len(queries)} queries: each of their metrics is there")


def is_there(prometheus, gateway, metric):
    """Whether there is a series of it, if need be after more requests."""
    with contextlib.suppress(SystemExit):
        return query(prometheus, metric) or wait_for(metric, lambda: gateway.use() or query(prometheus, metric))


def dashboard_queries():
    """The dashboard's queries, as Grafana sends them."""
    dashboard = json.loads((ROOT / "grafana" / "gateway.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield text


def get(port, path):
    """Prometheus' answer to a request of its API."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())


if __name__ == "__main__":
    main()

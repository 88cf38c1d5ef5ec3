"""Results as Markdown: every row, what was wanted, and the one table that README shows.

    report.py RESULTS.json    writes the tables again, and the chart, beside it
"""

import pathlib
import re
import sys

import chart
from results import Results, written
from subjects import ALL, ENVOY_JWT, GATEWAY, HAPROXY, HAPROXY_JWT

OWN = GATEWAY.name
BEGIN, END = "<!-- bench/run --publish writes from here -->", "<!-- to here -->"

# Part, case, peer, and the highest ratio of gateway to peer that is acceptable.
TARGETS = (
    ("HTTP/1.1", "64 connections", HAPROXY_JWT, 0.66),
    ("HTTP/1.1", "64 connections", HAPROXY, 0.95),
    ("HTTP/1.1", "1,000 connections", HAPROXY_JWT, 0.55),
    ("HTTP/1.1", "1,000 connections", HAPROXY, 0.72),
    ("latency", "p99, 64 connections", HAPROXY_JWT, 0.80),
    ("algorithms", "RS256, known viewer", HAPROXY_JWT, 0.30),
    ("algorithms", "ES256, known viewer", HAPROXY_JWT, 0.30),
    ("algorithms", "HS256, known viewer", ENVOY_JWT, 0.25),
    ("HTTP/2 over TLS 1.3", "4 connections, 100 streams", HAPROXY_JWT, 0.70),
    ("HTTP/1.1 over TLS 1.3", "64 connections", HAPROXY_JWT, 0.75),
    ("TLS 1.3 handshakes", "full", HAPROXY, 1.00),
    ("TLS 1.3 handshakes", "resumed", HAPROXY, 1.00),
    ("bodies of 1 GB", "down, HTTP/1.1", HAPROXY, 0.90),
    ("bodies of 1 GB", "up, HTTP/1.1", HAPROXY, 0.90),
    ("bodies of 1 GB", "down, HTTP/1.1 over TLS 1.3", HAPROXY, 0.90),
    ("bodies of 1 GB", "up, HTTP/1.1 over TLS 1.3", HAPROXY, 0.90),
    ("idle WebSockets", "TLS 1.3", HAPROXY, 1.00),
    ("idle WebSockets", "clear text", HAPROXY, 1.20),
)

# Part, case and label of each row in README's table.
SHOWN = (
    ("HTTP/1.1", "64 connections", "HTTP/1.1, 64 connections"),
    ("HTTP/1.1", "1,000 connections", "HTTP/1.1, 1,000 connections"),
    ("HTTP/1.1", "4,000 connections", "HTTP/1.1, 4,000 connections"),
    ("HTTP/1.1 over TLS 1.3", "64 connections", "HTTP/1.1 over TLS 1.3, 64 connections"),
    ("HTTP/2 over TLS 1.3", "4 connections, 100 streams", "HTTP/2 over TLS 1.3, 4 connections of 100 streams"),
    ("bodies", "48 KB, HTTP/1.1", "body of 48 KB"),
    ("algorithms", "RS256, known viewer", "RS256 instead of HS256"),
    ("algorithms", "ES256, known viewer", "ES256"),
    ("algorithms", "RS256, new viewer each", "RS256, every token a new viewer's"),
    ("latency", "p50, 64 connections", "p50 at half load, ms"),
    ("latency", "p99, 64 connections", "p99 at half load, ms"),
    ("TLS 1.3 handshakes", "full", "full handshake, TLS 1.3 and P-256"),
    ("TLS 1.3 handshakes", "resumed", "resumed handshake"),
    ("bodies of 1 GB", "down, HTTP/1.1 over TLS 1.3", "1 GB down over TLS, seconds"),
    ("bodies of 1 GB", "up, HTTP/1.1 over TLS 1.3", "1 GB up over TLS, seconds"),
    ("idle clients", "HTTP/1.1", "idle client, bytes"),
    ("idle WebSockets", "clear text", "idle WebSocket, bytes"),
    ("idle WebSockets", "TLS 1.3", "idle WebSocket over TLS, bytes"),
)


def table(head, lines):
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines)) + "\n"


def measured(results):
    """Names of the subjects that were measured at all."""
    return [subject.name for subject in ALL if any(subject.name in row.figures for row in results.rows)]


def summary(results):
    """README's table: medians only."""
    names = measured(results)
    lines = []
    for part, case, label in SHOWN:
        if row := results.find(part, case):
            cells = [written(row.median(name)) if name in row.figures else "–" for name in names]
            lines.append([label, *cells])
    return table(["µs of CPU a request, or as named", *names], lines)


def targets(results):
    lines = []
    for part, case, peer, limit in TARGETS:
        row = results.find(part, case)
        ratio = row.ratio(OWN, peer.name) if row else None
        if ratio is not None:
            verdict = "reached" if ratio <= limit else "missed"
            lines.append([f"{part}, {row.case}", peer.name, f"{limit:.2f}", f"{ratio:.2f}", verdict])
    return table(["work", "against", "wanted at most", "measured", ""], lines) if lines else ""


def everything(results):
    """One table per part and unit: medians, lowest and highest figures, and rates."""
    text = f"# Measured: {described(results.about)}\n"
    if lines := targets(results):
        text += "\n## Ratios that are wanted\n\n" + lines
    for part, unit in dict.fromkeys((row.part, row.unit) for row in results.rows):
        rows = [row for row in results.rows if (row.part, row.unit) == (part, unit)]
        names = [name for name in measured(results) if any(name in row.figures or name in row.faults for row in rows)]
        text += f"\n## {part[0].upper() + part[1:]}, {unit}\n\n"
        text += table(["", *names], [[row.case, *(cell(row, name) for name in names)] for row in rows])
    return text


def cell(row, name):
    if name not in row.figures:
        return "failed: " + row.faults[name].replace("|", "/")[:80] if name in row.faults else "–"
    low, high = row.spread(name)
    text = written(row.median(name))
    if low != high:
        text += f" ({written(low)} to {written(high)})"
    if name in row.rates:
        rates = sorted(row.rates[name])
        text += f", {rates[len(rates) // 2]:,.0f}/s"
    return text


def described(about):
    peers = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (f"run {about['name']} of commit {about['commit']}, {about['rounds']} rounds of {about['seconds']} s, "
            f"on {about['processors']} processors ({about['model']}); {peers}")


def write(results, folder):
    """results.json, tables.md and chart.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json")
    (folder / "tables.md").write_text(everything(results))
    if drawing := chart.by_connections(results):
        (folder / "chart.svg").write_text(drawing)


def publish(results, folder, readme):
    """README's table and chart, between its marks."""
    write(results, folder)
    text = readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{readme} does not have the lines '{BEGIN}' and '{END}'")
    place = folder.relative_to(readme.parent)
    block = (f"{BEGIN}\n\n![CPU time a request by connections]({place}/chart.svg)\n\n{summary(results)}\n"
             f"Medians of {described(results.about)}.\n"
             f"[Every row]({place}/tables.md) with its spread, and the [figures]({place}/results.json).\n\n{END}")
    readme.write_text(re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: block, text, flags=re.DOTALL))


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    write(Results.read(source), source.parent)

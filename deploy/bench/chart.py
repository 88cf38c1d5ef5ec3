"""Draws CPU time a request by the number of connections, as SVG that suits a light and a dark page."""

import math
import re

from subjects import ALL
from results import written

PANELS = ("HTTP/1.1", "HTTP/2 over TLS 1.3")
# Readable on white and on near-black, and by people who do not see red and green apart.
COLORS = ("#d9480f", "#1c7ed6", "#5c3fc4", "#868e96", "#0ca678", "#a67c00")
WIDTH, HEIGHT, MARGIN_LEFT, MARGIN_TOP, GAP, BOTTOM = 400, 260, 56, 64, 56, 44
STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #495057 }
    .title { font-weight: 600; font-size: 13px }
    .grid { stroke: #adb5bd; stroke-opacity: .4 }
    .line { fill: none; stroke-width: 1.75 }
    .own { stroke-width: 3 }
    @media (prefers-color-scheme: dark) { text { fill: #ced4da } }
"""


def by_connections(results):
    """The chart, or `None` if the run has no rows for it."""
    panels = [(part, series(results, part)) for part in PANELS]
    panels = [(part, lines) for part, lines in panels if any(len(points) > 1 for points in lines.values())]
    if not panels:
        return None
    names = [subject.name for subject in ALL if any(subject.name in lines for _, lines in panels)]
    colors = dict(zip((subject.name for subject in ALL), COLORS))
    parts = [legend(names, colors)]
    for place, (part, lines) in enumerate(panels):
        parts.append(panel(MARGIN_LEFT + place * (WIDTH + GAP), part, lines, colors))
    width = MARGIN_LEFT + len(panels) * (WIDTH + GAP) - GAP + 24
    height = MARGIN_TOP + HEIGHT + BOTTOM
    title = "CPU time a request by the number of connections"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">\n'
            f"<title>{title}</title>\n<style>{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n")


def series(results, part):
    """(connections, median) of each subject."""
    lines = {}
    for row in results.rows:
        match = re.match(r"([\d,]+) connection", row.case)
        if row.part == part and match:
            for name in row.figures:
                lines.setdefault(name, []).append((int(match[1].replace(",", "")), row.median(name)))
    return {name: sorted(points) for name, points in lines.items()}


def legend(names, colors):
    text, left = [], MARGIN_LEFT
    for name in names:
        text.append(f'<line x1="{left}" y1="18" x2="{left + 22}" y2="18" class="{weight(name)}" stroke="{colors[name]}"/>'
                    f'<text x="{left + 28}" y="22">{name}</text>')
        left += 50 + 7 * len(name)
    return "\n".join(text)


def weight(name):
    return "line own" if name == ALL[0].name else "line"


def panel(left, part, lines, colors):
    counts = sorted({count for points in lines.values() for count, _ in points})
    # A single connection costs several times as much and would flatten the rest. The tables have it.
    counts = [count for count in counts if count > 1] or counts
    costs = [cost for points in lines.values() for count, cost in points if count in counts]
    steps = steps_around(min(costs), max(costs))

    def x(count):
        return left + share(count, counts[0], counts[-1]) * WIDTH

    def y(cost):
        return MARGIN_TOP + HEIGHT * (1 - share(cost, steps[0], steps[-1]))
    text = [f'<text class="title" x="{left}" y="{MARGIN_TOP - 14}">{part}: µs of CPU a request</text>']
    for cost in steps:
        text.append(f'<line class="grid" x1="{left}" y1="{y(cost):.1f}" x2="{left + WIDTH}" y2="{y(cost):.1f}"/>'
                    f'<text x="{left - 8}" y="{y(cost) + 4:.1f}" text-anchor="end">{cost:g}</text>')
    for count in counts:
        text.append(f'<text x="{x(count):.1f}" y="{MARGIN_TOP + HEIGHT + 18}" text-anchor="middle">{count:,}</text>')
    text.append(f'<text x="{left + WIDTH / 2}" y="{MARGIN_TOP + HEIGHT + 36}" text-anchor="middle">connections</text>')
    for name, points in lines.items():
        shown = [(x(count), y(cost), count, cost) for count, cost in points if count in counts]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down, _, _ in shown)
        text.append(f'<polyline class="{weight(name)}" stroke="{colors[name]}" points="{path}"/>')
        for across, down, count, cost in shown:
            text.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colors[name]}">'
                        f"<title>{name}, {count:,} connections: {written(cost)} µs</title></circle>")
    return "\n".join(text)


def share(value, low, high):
    """The value's position between low and high on a logarithmic scale, 0 to 1."""
    return math.log(value / low) / (math.log(high / low) or 1)


def steps_around(low, high):
    """The steps 1, 2, 5, 10, 20, 50, … that enclose low and high."""
    steps = [digit * 10 ** power for power in range(6) for digit in (1, 2, 5)]
    first = max((step for step in steps if step <= low), default=steps[0])
    last = min(step for step in steps if step >= high)
    return [step for step in steps if first <= step <= max(last, first + 1)]

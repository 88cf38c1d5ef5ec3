"""The results of a run, and the order of its measurements."""

import collections
import dataclasses
import json
import statistics


class Fault(Exception):
    """A measurement of one subject failed. Its row records why, and the run continues."""


@dataclasses.dataclass
class Row:
    """One case of a part of the run: the figures of each subject, one a round."""
    part: str
    case: str
    unit: str
    figures: dict = dataclasses.field(default_factory=dict)
    rates: dict = dataclasses.field(default_factory=dict)
    faults: dict = dataclasses.field(default_factory=dict)

    def add(self, subject, figure, rate=None):
        self.figures.setdefault(subject, []).append(figure)
        if rate is not None:
            self.rates.setdefault(subject, []).append(rate)

    def median(self, subject):
        figures = self.figures.get(subject)
        return statistics.median(figures) if figures else None

    def spread(self, subject):
        return min(self.figures[subject]), max(self.figures[subject])

    def ratio(self, subject, peer):
        """The ratio of two subjects' medians, or `None` if one was not measured."""
        own, other = self.median(subject), self.median(peer)
        return own / other if own is not None and other else None


class Results:
    """The rows of a run; prints each when it is complete."""

    def __init__(self, about, rows=()):
        self.about, self.rows = about, list(rows)

    def measure(self, part, cases, unit, subjects, rounds, figures):
        """Measures subjects in alternating rounds. Each round starts with the next subject.

        `figures(subject)` returns a figure for each of the cases, or a figure and a rate.
        """
        rows = [Row(part, case, unit) for case in cases]
        faults = collections.Counter()
        for number in range(rounds):
            for place in range(len(subjects)):
                name = subjects[(place + number) % len(subjects)].name
                if faults[name] > 1:
                    continue
                try:
                    made = figures(subjects[(place + number) % len(subjects)])
                except Fault as fault:
                    faults[name] += 1
                    for row in rows:
                        row.faults[name] = str(fault)
                    continue
                for row, figure in zip(rows, made):
                    row.add(name, *(figure if isinstance(figure, tuple) else (figure,)))
        for row in rows:
            self.add(row)

    def add(self, row):
        self.rows.append(row)
        cells = []
        for name, figures in row.figures.items():
            low, high = row.spread(name)
            cells.append(f"{name} {written(row.median(name))}")
            if len(figures) > 1:
                cells[-1] += f" ({written(low)} to {written(high)})"
        cells += [f"{name} failed: {fault}" for name, fault in row.faults.items()]
        print(f"{row.part}, {row.case}, {row.unit}\n    " + "; ".join(cells), flush=True)

    def find(self, part, case):
        """The first row of the part whose case starts with `case`."""
        return next((row for row in self.rows if row.part == part and row.case.startswith(case)), None)

    def write(self, path):
        """Writes one line per row, so that a diff shows what changed between runs."""
        rows = ",\n".join(json.dumps(dataclasses.asdict(row), ensure_ascii=False) for row in self.rows)
        about = json.dumps(self.about, ensure_ascii=False)
        path.write_text(f'{{"about": {about}, "rows": [\n{rows}\n]}}\n')

    @classmethod
    def read(cls, path):
        data = json.loads(path.read_text())
        return cls(data["about"], [Row(**row) for row in data["rows"]])


def written(figure):
    """Formats with three significant digits."""
    if figure >= 100:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}" if figure >= 0.1 else f"{figure:.3f}"

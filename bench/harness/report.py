"""Medians, spreads, ratios, and the tables of RESULTS.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.tasks import Metric


@dataclass(frozen=True)
class Row:
    """One library of a table.

    Attributes:
        library: its name.
        what: one line about it.
        rounds: the metrics of each round, in order.
    """

    library: str
    what: str
    rounds: Sequence[Mapping[str, float]]

    def values(self, metric: Metric) -> list[float]:
        """Returns the metric of each round."""
        return [measured[metric.name] for measured in self.rounds]


def format_value(value: float, style: str) -> str:
    """Prints a value with three significant digits and its unit."""
    if style == "count":
        return f"{value:,.0f}"
    if style == "seconds":
        if value >= 1:
            return f"{value:.3g} s"
        return f"{value * 1e3:.3g} ms" if value >= 1e-3 else f"{value * 1e6:.3g} us"
    if style == "si":
        for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return f"{_significant(value / size)} {letter}"
    return _significant(value)


def _significant(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 3)}f}"


def spread(values: Sequence[float], style: str) -> str:
    """Prints median (least - most)."""
    median = format_value(statistics.median(values), style)
    least, most = format_value(min(values), style), format_value(max(values), style)
    return median if least == most else f"{median} ({least} - {most})"


def ratios(reference: Row, other: Row, metric: Metric) -> list[float]:
    """Returns, per round, how many times better the reference was than the other."""
    pairs = zip(reference.values(metric), other.values(metric), strict=True)
    if metric.higher_is_better:
        return [ours / theirs for ours, theirs in pairs]
    return [theirs / ours for ours, theirs in pairs]


def table(rows: Sequence[Row], metrics: Sequence[Metric], reference: str) -> str:
    """Returns a markdown table; ratios are medians of the ratios within each round."""
    ours = next((row for row in rows if row.library == reference), None)
    compared = ours is not None and len(rows) > 1
    described = any(row.what for row in rows)
    heads = ["library" if described else "benchmark", *(metric.heading for metric in metrics)]
    if compared:
        heads.append(f"{reference} is better by")
    if described:
        heads.append("what it is")
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for row in rows:
        cells = [f"`{row.library}`"]
        cells += [spread(row.values(metric), metric.style) for metric in metrics]
        if ours is not None and compared:
            own = row is ours
            cells.append("" if own else spread(ratios(ours, row, metrics[0]), "number") + " x")
        if described:
            cells.append(row.what)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def section(title: str, facts: Mapping[str, str], notes: Sequence[str], body: str) -> str:
    """Returns the markdown of one task: heading, facts, notes, table."""
    lines = [f"## {title}", ""]
    lines += [f"* {name}: {fact}" for name, fact in facts.items()]
    lines += [f"* {note}" for note in notes]
    return "\n".join([*lines, "", body, ""])


def write_section(path: Path, name: str, text: str) -> None:
    """Replaces what stands between the markers of `name` in the file.

    Raises:
        ValueError: the file lacks the markers.
    """
    begin, end = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
    document = path.read_text()
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"{path} must hold one line {begin!r} and one line {end!r}")
    head, rest = document.split(begin)
    tail = rest.split(end)[1]
    path.write_text(f"{head}{begin}\n{text.rstrip()}\n{end}{tail}")

"""Medians, spreads, ratios, and the tables of RESULTS.md."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.task import Figure, Metric


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

    def has(self, name: str) -> bool:
        """Whether the metric of this name was measured in every round."""
        return all(name in measured for measured in self.rounds)

    def values(self, name: str) -> list[float]:
        """Returns the metric of this name of each round."""
        return [measured[name] for measured in self.rounds]


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
    pairs = zip(reference.values(metric.name), other.values(metric.name), strict=True)
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
        cells = [f"`{row.library}`", *(_cell(row, metric) for metric in metrics)]
        if ours is not None and compared:
            cells.append(_compared(ours, row, metrics[0]))
        if described:
            cells.append(row.what)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: Row, metric: Metric) -> str:
    return spread(row.values(metric.name), metric.style) if row.has(metric.name) else "-"


def _compared(ours: Row, row: Row, metric: Metric) -> str:
    if row is ours or not (row.has(metric.name) and ours.has(metric.name)):
        return ""
    return spread(ratios(ours, row, metric), "number") + " x"


def figure_line(figure: Figure, rows: Sequence[Row]) -> str:
    """Returns what was promised and what was found: the median over rounds, with its spread."""
    measured = {row.library: row for row in rows}
    wanted = [(figure.library, figure.metric)]
    wanted += [(other, figure.other_metric) for other in figure.others]
    missing = [
        f"`{library}` has no {name}"
        for library, name in wanted
        if library not in measured or not measured[library].has(name)
    ]
    bound = f"at {'least' if figure.at_least else 'most'} {figure.bound:g}"
    if missing:
        return f"figure: {figure.text}: {bound}; not measured: {', '.join(missing)}"
    found = measured[figure.library].values(figure.metric)
    if figure.others:
        others = [measured[other].values(figure.other_metric) for other in figure.others]
        means = [statistics.fmean(values) for values in zip(*others, strict=True)]
        found = [
            ours - theirs if figure.difference else ours / theirs
            for ours, theirs in zip(found, means, strict=True)
        ]
    median = statistics.median(found)
    met = median >= figure.bound if figure.at_least else median <= figure.bound
    return (
        f"figure: {figure.text}: {spread(found, 'number')}; {bound}: {'met' if met else 'NOT MET'}"
    )


def section(
    title: str,
    facts: Mapping[str, str],
    notes: Sequence[str],
    body: str,
    figures: Sequence[str] = (),
) -> str:
    """Returns the markdown of one task: heading, facts, notes, table, figures."""
    lines = [f"## {title}", ""]
    lines += [f"* {name}: {fact}" for name, fact in facts.items()]
    lines += [f"* {note}" for note in notes]
    lines += ["", body, ""]
    if figures:
        lines += [*(f"* {figure}" for figure in figures), ""]
    return "\n".join(lines)


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

"""What a task is: data, libraries, procedure, what is measured, what is promised."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

COMPARE = Path(__file__).resolve().parent.parent / "compare"


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    Attributes:
        name: its key in a measurement.
        heading: its column in the report, with the unit.
        style: how `report.format_value` prints it.
        higher_is_better: which way a ratio is turned; ratios above 1 favour the reference.
    """

    name: str
    heading: str
    style: str
    higher_is_better: bool = False


BACKED = (
    " Memory is taken and given back right before the clock starts (`process.back_memory`): a"
    " virtual machine leaves what is free to its host, and gets it back at 2 s a GB."
)
"""Of procedures that do so."""

ROWS_PER_S = Metric("rows_per_s", "rows/s", "si", higher_is_better=True)
COLD_METRICS = (
    ROWS_PER_S,
    Metric("first_rows_per_s", "rows/s in the first 2 s", "si", higher_is_better=True),
    Metric("seconds", "whole pass", "seconds"),
    Metric("available_gib", "memory available at its start, GiB", "number"),
)


@dataclass(frozen=True)
class Figure:
    """A promise about one library, checked within each round.

    Attributes:
        text: what is compared, in words.
        library, metric: ours.
        others, other_metric: whose mean it is held against; none: the metric itself is the figure.
        bound: what the median may be at least or at most.
        at_least: which of the two.
        difference: ours minus theirs instead of ours divided by theirs.
    """

    text: str
    library: str
    metric: str
    bound: float
    at_least: bool
    others: tuple[str, ...] = ()
    other_metric: str = ""
    difference: bool = False


@dataclass(frozen=True)
class Task:
    """One question put to several libraries.

    Attributes:
        name: the folder in bench/compare and the marker in RESULTS.md.
        title: the heading of the report.
        kind: the procedure in `harness.measure`.
        rows, width, batch_size, files: the data; `width` float32 features and an int64 label.
        libraries: file stems in the folder, or names in `programs`.
        metrics: what is reported; the first is the one compared.
        state: cache state and procedure, printed above the table.
        programs: name -> (executable, its options, what it is), for entries that are no Python.
        passes: passes over the data, where the procedure has a fixed number.
        reference: the library that the others are compared with; empty where nothing is.
        source: the folder in bench/compare, where another task has the same libraries.
        figures: what is promised, printed below the table with what was found.
        pass_seconds: a pass ends after this time, where the procedure knows it; 0: whole passes.
        free_share: memory is held so that this share of the data fits in what is left; 0: none is.
        data: which rows, a name in `harness.measure`.
        bytes_per_row: of the data, where rows are not `width` float32 (0).
        megabytes_per_s: what a store gives in all, where the procedure has one; 0: all it can.
        connection_megabytes_per_s: what it gives to each connection; 0: all it can.
        by_name_only: whether it is left out where no task is named.
    """

    name: str
    title: str
    kind: str
    rows: int
    width: int
    batch_size: int
    files: int
    libraries: tuple[str, ...]
    metrics: tuple[Metric, ...]
    state: str
    programs: tuple[tuple[str, str, tuple[str, ...], str], ...] = ()
    passes: int = 0
    reference: str = "headrace"
    source: str = ""
    figures: tuple[Figure, ...] = ()
    pass_seconds: float = 0.0
    free_share: float = 0.0
    data: str = "dense"
    bytes_per_row: int = 0
    megabytes_per_s: int = 0
    connection_megabytes_per_s: int = 0
    by_name_only: bool = False

    @property
    def row_bytes(self) -> int:
        """About how many bytes of the data a row has."""
        return self.bytes_per_row or 4 * self.width

    @property
    def folder(self) -> Path:
        """Where the libraries' files are."""
        return COMPARE / (self.source or self.name)

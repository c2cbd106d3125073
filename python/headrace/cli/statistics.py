"""Statistics of columns, gathered batch by batch: least, greatest, mean, spread, lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from headrace.cli.values import column_values
from headrace.dataset import Dataset
from headrace.schema import Field

_SAMPLED_BYTES = 256 * 10**6
_SAMPLED_RUNS = 64


class Numbers:
    """Running statistics of numbers. NaN and infinities are counted, and left out of the rest."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._squares = 0.0  # the sum of squared distances from the mean
        self._least: int | float | None = None
        self._greatest: int | float | None = None
        self._odd = 0

    def add(self, values: Any) -> None:
        """Adds an array."""
        array: Any = np.asarray(values).reshape(-1)
        if array.dtype == np.bool_:
            array = array.view(np.uint8)
        if array.dtype.kind == "f":
            finite = array[np.isfinite(array)]
            self._odd += array.size - finite.size
            array = finite
        if array.size == 0:
            return
        least, greatest = array.min().item(), array.max().item()
        self._least = least if self._least is None else min(self._least, least)
        self._greatest = greatest if self._greatest is None else max(self._greatest, greatest)
        # Chan's formula: two means and sums of squares become those of both parts together.
        wide = array.astype(np.float64)
        mean = float(wide.mean())
        wide -= mean
        total, apart = self._count + array.size, mean - self._mean
        self._squares += float(wide @ wide) + apart * apart * self._count * array.size / total
        self._mean += apart * array.size / total
        self._count = total

    def result(self) -> dict[str, int | float | None]:
        """Returns the statistics; None where no number was finite."""
        known = self._count > 0
        return {
            "min": self._least,
            "max": self._greatest,
            "mean": self._mean if known else None,
            "std": math.sqrt(self._squares / self._count) if known else None,
            "not_finite": self._odd,
        }


class ColumnStatistics:
    """What is known of one column: numbers, and for rows of any length how long they are."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._values = Numbers()
        self._lengths = Numbers()

    def add(self, values: Any) -> None:
        """Adds the column's part of a batch."""
        kind = self._field.kind
        if kind == "tensor":
            self._values.add(values)
        elif kind == "csr":
            self._lengths.add(np.diff(values.indptr))
            if not self._field.binary:
                self._values.add(values.data)
        else:
            rows = list(values)
            self._lengths.add(np.array([len(row) for row in rows], np.int64))
            if kind == "ragged":
                for row in rows:
                    self._values.add(row)

    def result(self) -> dict[str, Any]:
        """Returns "values" (but for bytes, text and binary csr) and "length" (of such rows)."""
        found: dict[str, Any] = {}
        if self._field.kind not in ("bytes", "text") and not self._field.binary:
            found["values"] = self._values.result()
        if not self._field.is_tensor:
            lengths = self._lengths.result()
            found["length"] = {name: lengths[name] for name in ("min", "max", "mean")}
        return found


def gather_statistics(
    dataset: Dataset, *, every_row: bool
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Reads rows and returns how many, and the statistics of each column by its name.

    Args:
        dataset: The dataset, whose columns numpy can hold.
        every_row: Whether all rows are read; otherwise about 256 MB of a larger dataset, in runs
            that lie evenly over it.
    """
    columns = {name: ColumnStatistics(field) for name, field in dataset.schema.items()}
    rows = 0
    for first, stop in _runs(dataset, every_row=every_row):
        rows += stop - first
        for batch in dataset.subset(slice(first, stop)).chunks():
            for statistics, values in zip(columns.values(), column_values(batch), strict=True):
                statistics.add(values)
    return rows, {name: statistics.result() for name, statistics in columns.items()}


def _runs(dataset: Dataset, *, every_row: bool) -> list[tuple[int, int]]:
    """Returns runs of rows: all in one, or some that together make about _SAMPLED_BYTES."""
    total = len(dataset)
    if every_row or dataset._core.nbytes <= _SAMPLED_BYTES:
        return [(0, total)] if total else []
    run = max(1, _SAMPLED_BYTES * total // dataset._core.nbytes // _SAMPLED_RUNS)
    starts = np.linspace(0, total - run, min(_SAMPLED_RUNS, total // run)).astype(np.int64)
    return [(start, start + run) for start in starts.tolist()]

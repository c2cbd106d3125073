"""Functions of the numbers of a column, as values: what `Dataset.with_columns` takes.

A function is one or several steps, each a view of the core: so it is computed when a batch is made,
on the way from where rows lie to their place in it, and needs no memory of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace import _core, layouts
from headrace.column_statistics import ColumnStatistics, Statistics
from headrace.errors import InvalidError
from headrace.recipe import Made

Step: TypeAlias = "Standardize | Elementwise | Bucketize | Hot"


@dataclass(frozen=True)
class Elementwise:
    """One function of the core, by its name and arguments."""

    name: str
    arguments: tuple[Any, ...]

    def view(self, made: Made, position: int, column: str) -> Made:
        """Returns the dataset with the column in its place after the function."""
        return made.view(_core.Dataset.map_values, position, (self.name, *self.arguments))

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True)
class Standardize:
    """Numbers less their mean, divided by their standard deviation.

    Attributes:
        statistics: Those of one column, or of several by name.
    """

    statistics: ColumnStatistics | Statistics
    with_mean: bool = True
    with_std: bool = True

    def view(self, made: Made, position: int, column: str) -> Made:
        """As `Elementwise.view`."""
        found = self._of(column)
        means = found.mean if self.with_mean else np.zeros_like(found.mean)
        factors = 1 / scale_of(found) if self.with_std else np.ones_like(found.mean)
        function = ("standardize", _numbers(means), _numbers(factors))
        return made.view(_core.Dataset.map_values, position, function)

    def _of(self, column: str) -> ColumnStatistics:
        if isinstance(self.statistics, ColumnStatistics):
            return self.statistics
        if len(self.statistics) == 1 and column not in self.statistics:
            return next(iter(self.statistics.values()))
        if column not in self.statistics:
            raise InvalidError(
                f"standardize has statistics of {', '.join(self.statistics)}, and none of column "
                f"{column!r}; fit them on it, or give those of one column: stats['...']",
                column=column,
            )
        return self.statistics[column]

    def __str__(self) -> str:
        return "standardize(...)"


@dataclass(frozen=True)
class Bucketize:
    """The number of the bucket that a number lies in; edges of int are taken exactly."""

    edges: tuple[int | float, ...]
    right: bool

    def view(self, made: Made, position: int, column: str) -> Made:
        """As `Elementwise.view`."""
        signed, unsigned = (self._starts(dtype) for dtype in (np.int64, np.uint64))
        edges = [float(edge) for edge in self.edges]
        function = ("bucketize", edges, self.right, signed, unsigned)
        return made.view(_core.Dataset.map_values, position, function)

    def _starts(self, dtype: type[np.integer[Any]]) -> list[int]:
        """Returns the least number of each bucket that a dtype reaches; not of the first."""
        limits = np.iinfo(dtype)
        starts = []
        for edge in self.edges:
            if math.isinf(edge):
                edge = limits.min if edge < 0 else limits.max + 1
            start = math.ceil(edge) if self.right else math.floor(edge) + 1
            if start <= limits.max:
                starts.append(max(start, int(limits.min)))
        return starts

    def __str__(self) -> str:
        return f"bucketize({self.edges}, {self.right})"


@dataclass(frozen=True)
class Hot:
    """Numbers of columns as rows of zeros and ones, dense or sparse."""

    name: str
    columns: int
    pad: int | None
    layout: layouts.Layout

    def view(self, made: Made, position: int, column: str) -> Made:
        """As `Elementwise.view`."""
        options = layouts.multi_hot(self.layout, columns=self.columns, pad=self.pad)
        return made.view(_core.Dataset.with_layout, position, options)

    def __str__(self) -> str:
        return f"{self.name}({self.columns})"


@dataclass(frozen=True, repr=False)
class ColumnFunction:
    """Steps, one after another; made by `standardize`, `log1p` and the like, and by `compose`."""

    steps: tuple[Step, ...]

    def view(self, made: Made, position: int, column: str) -> Made:
        """Returns the dataset with the column in its place after all steps."""
        for step in self.steps:
            made = step.view(made, position, column)
        return made

    def __repr__(self) -> str:
        return "headrace." + " | ".join(map(str, self.steps))


def scale_of(found: ColumnStatistics) -> NDArray[np.float64]:
    """Returns the standard deviations, and 1 for numbers that are all equal.

    A variance that rounding alone may have left counts as none, by scikit-learn's rule.
    """
    eps = np.finfo(np.float64).eps
    noise = found.count * eps * found.var + (found.count * found.mean * eps) ** 2
    is_constant = (found.var <= noise) | (found.count == 0)
    return np.where(is_constant, 1.0, found.std)


def _numbers(array: NDArray[np.float64]) -> list[float]:
    return [float(number) for number in array.ravel()]

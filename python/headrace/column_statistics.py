"""Statistics of columns of numbers that can be merged: of parts, of files, of machines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import _core
from headrace.errors import InvalidError

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ColumnStatistics:
    """What is known of each number of a row of a column; NaN is left out and counts for nothing.

    Attributes:
        count: How many numbers there are; the shape of this and of the others is that of a row.
        mean: Their mean.
        squares: The sum of their squared distances from the mean.
        min: The least, infinity where there is none.
        max: The largest, -infinity where there is none.
    """

    count: NDArray[np.int64]
    mean: _Floats
    squares: _Floats
    min: _Floats
    max: _Floats

    @classmethod
    def from_core(cls, lists: Any, shape: tuple[int, ...]) -> ColumnStatistics:
        """Makes it of the core's lists, of rows of `shape`."""
        count, *others = lists
        floats = [np.array(numbers, np.float64).reshape(shape) for numbers in others]
        return cls(np.array(count, np.int64).reshape(shape), *floats)

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> ColumnStatistics:
        """Makes those of no rows of `shape`."""
        zeros = np.zeros(shape)
        least, most = np.full(shape, np.inf), np.full(shape, -np.inf)
        return cls(np.zeros(shape, np.int64), zeros, zeros.copy(), least, most)

    def to_dict(self) -> dict[str, Any]:
        """Returns the numbers as lists that JSON can hold, exactly; infinity and NaN are str."""
        lists = {name: array.ravel().tolist() for name, array in vars(self).items()}
        return {
            "shape": list(self.mean.shape),
            **{name: [_as_json(number) for number in array] for name, array in lists.items()},
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> ColumnStatistics:
        """Makes it of what `to_dict` returned.

        Raises:
            InvalidError: If it is something else.
        """
        try:
            shape = tuple(given["shape"])
            count = np.array(given["count"], np.int64).reshape(shape)
            names = ("mean", "squares", "min", "max")
            floats = (np.array([*map(float, given[name])]).reshape(shape) for name in names)
            return cls(count, *floats)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InvalidError(
                "statistics of a column are a dict as to_dict() returns it, with the keys shape, "
                f"count, mean, squares, min and max; {type(error).__name__}: {error}"
            ) from error

    @property
    def var(self) -> _Floats:
        """The variance: the mean of the squared distances; 0 where there is no number."""
        return np.asarray(self.squares / np.maximum(self.count, 1), np.float64)

    @property
    def std(self) -> _Floats:
        """The standard deviation."""
        return np.sqrt(self.var)

    def merged(self, other: ColumnStatistics) -> ColumnStatistics:
        """Returns the statistics of the rows of both, as if they had been read together."""
        if self.mean.shape != other.mean.shape:
            raise InvalidError(
                f"statistics of rows of shape {self.mean.shape} and of {other.mean.shape} cannot "
                "be merged; they are of different columns"
            )
        lists = _core.merge_moments(self._to_core(), other._to_core())
        return self.from_core(lists, self.mean.shape)

    def _to_core(self) -> tuple[list[Any], ...]:
        arrays = (self.count, self.mean, self.squares, self.min, self.max)
        return tuple(array.ravel().tolist() for array in arrays)

    def __repr__(self) -> str:
        shape = f" of shape {self.mean.shape}" if self.mean.shape else ""
        rows = int(self.count.max()) if self.count.size else 0
        return f"headrace.ColumnStatistics(<{rows} rows{shape}>)"


def _as_json(number: float) -> float | str:
    return number if math.isfinite(number) else repr(number)


class Statistics(Mapping[str, ColumnStatistics]):
    """Statistics of columns by name, made by `fit`. Those of two parts of the rows are added.

    They travel between machines, and into files, as dicts that JSON and ``torch.save`` take.

    Example:
        >>> import json, numpy as np, headrace as hr
        >>> parts = [hr.fit(hr.from_arrays(x=x)) for x in (np.arange(4.0), np.arange(4.0, 9.0))]
        >>> sent = [json.dumps(part.to_dict()) for part in parts]
        >>> received = [hr.Statistics.from_dict(json.loads(text)) for text in sent]
        >>> sum(received[1:], received[0])["x"].mean
        array(4.)
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, ColumnStatistics]) -> None:
        self._columns = dict(columns)

    def __getitem__(self, column: str) -> ColumnStatistics:
        try:
            return self._columns[column]
        except KeyError:
            known = ", ".join(self._columns)
            raise InvalidError(
                f"there are no statistics of column {column!r}; there are those of {known}",
                column=column,
            ) from None

    def __contains__(self, column: object) -> bool:
        return column in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __add__(self, other: object) -> Statistics:
        """Returns the statistics of the rows of both."""
        if not isinstance(other, Statistics):
            return NotImplemented
        if self._columns.keys() != other._columns.keys():
            raise InvalidError(
                f"statistics of {', '.join(self)} and of {', '.join(other)} cannot be added; fit "
                "both on the same columns"
            )
        return Statistics({name: one.merged(other[name]) for name, one in self.items()})

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Returns all numbers in dicts and lists, exactly."""
        return {name: one.to_dict() for name, one in self.items()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Mapping[str, Any]]) -> Statistics:
        """Makes it of what `to_dict` returned.

        Raises:
            InvalidError: If it is something else.
        """
        if not isinstance(given, Mapping):
            raise InvalidError(f"statistics are a dict as to_dict() returns it, not {given!r:.60}")
        return cls({name: ColumnStatistics.from_dict(one) for name, one in given.items()})

    def __repr__(self) -> str:
        return f"headrace.Statistics({', '.join(self)})"

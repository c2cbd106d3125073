"""Numeric and categorical functions: of arrays, of columns of a dataset, of a conversion's rows."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headrace import checks
from headrace.arrays import from_arrays
from headrace.column_functions import ColumnFunction, Elementwise, Hot, Standardize
from headrace.column_statistics import ColumnStatistics, Statistics
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.layouts import Csr, Dense


class Function(ColumnFunction):
    """A function of the numbers of a column: call it with an array, or give it to with_columns."""

    def __call__(self, rows: Any) -> Any:
        """Returns what it makes of an array or tensor of rows: computed as in a dataset."""
        return from_arrays(x=rows).with_columns(x=self)["x"][:]


def standardize(
    statistics: ColumnStatistics | Statistics, *, with_mean: bool = True, with_std: bool = True
) -> Function:
    """Returns (x - mean) / std, as scikit-learn's StandardScaler computes them.

    The arithmetic is in float64 and rounded once: to float32, or to float64 where that is the dtype
    of the column, and for integers of 32 bits and more. Numbers that are all equal are not scaled.

    Args:
        statistics: What `fit` gave: of the column, or of several columns by name.
        with_mean: Whether the mean is subtracted.
        with_std: Whether the result is divided by the standard deviation.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.array([[1.0, 10.0], [3.0, 30.0]]), y=np.arange(2))
        >>> stats = hr.fit(ds, "x")
        >>> stats["x"].mean, stats["x"].std
        (array([ 2., 20.]), array([ 1., 10.]))
        >>> ds.with_columns(x=hr.standardize(stats))["x"][:].tolist()
        [[-1.0, -1.0], [1.0, 1.0]]
        >>> hr.standardize(stats)(np.array([[2.0, 40.0]])).tolist()
        [[0.0, 2.0]]
    """
    if not isinstance(statistics, ColumnStatistics | Statistics):
        raise InvalidError(
            f"standardize takes the statistics of a column, as hr.fit(ds) gives them, not "
            f"{statistics!r}"
        )
    with_mean = checks.check_bool("with_mean", with_mean)
    return Function((Standardize(statistics, with_mean, checks.check_bool("with_std", with_std)),))


def clip(low: float | None = None, high: float | None = None) -> Function:
    """Returns x, or the nearer of two ends; NaN stays NaN.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.clip(0, 1)(np.array([-2.0, 0.5, 7.0])).tolist()
        [0.0, 0.5, 1.0]
    """
    if low is None and high is None:
        raise InvalidError("clip takes low=, high= or both; found neither")
    ends = (
        -math.inf if low is None else _number("low", low),
        math.inf if high is None else _number("high", high),
    )
    if not ends[0] <= ends[1]:
        raise InvalidError(f"clip needs low <= high; found {low} and {high}")
    return Function((Elementwise("clip", ends),))


def log1p() -> Function:
    """Returns log(1 + x): of float32 within 1.3 units in the last place.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.log1p()(np.array([0.0, np.e - 1])).tolist()
        [0.0, 1.0]
    """
    return Function((Elementwise("log1p", ()),))


def bucketize(edges: Sequence[float], *, right: bool = False) -> Function:
    """Returns the number of the bucket that x lies in, int64, as ``torch.bucketize`` does.

    Args:
        edges: The ends of buckets, ascending: bucket i is above ``edges[i - 1]`` and up to
            ``edges[i]``.
        right: Whether an edge belongs to the bucket above it instead.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.bucketize([1, 3])(np.array([0.5, 1.0, 2.0, 5.0])).tolist()
        [0, 0, 1, 2]
    """
    numbers = [_number(f"edge {k}", edge) for k, edge in enumerate(edges)]
    if any(math.isnan(number) for number in numbers) or sorted(numbers) != numbers:
        raise InvalidError(f"the edges of bucketize ascend; found {list(edges)}")
    return Function(
        (Elementwise("bucketize", (tuple(numbers), checks.check_bool("right", right))),)
    )


def one_hot(columns: int, *, dtype: object = "float32") -> Function:
    """Returns rows of zeros and ones of the columns that a row names, as `Dataset.multi_hot` does.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.one_hot(3)(np.array([2, 0])).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    columns = checks.check_int("columns", columns, low=1, high=checks.MAX_INT64)
    return Function((Hot("one_hot", columns, None, Dense(dtype=dtype)),))


def hash_categories(
    columns: int, *, seed: int = 0, layout: Literal["csr", "dense"] = "csr"
) -> Function:
    """Returns sparse rows with a one in the column that each category of a row is hashed to.

    A category is a whole number, such as an id; which column it has depends on it and the seed
    alone, and is the same for ever. Text is hashed by `text.Hasher`.

    Args:
        columns: How many columns there are: the more, the fewer categories share one.
        seed: Another one gives other columns.
        layout: "csr" or "dense".

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(user=np.array([17, 4, 17]))
        >>> rows = ds.with_columns(user=hr.hash_categories(1000, layout="dense"))["user"][:]
        >>> rows.shape, rows.sum(axis=1).tolist(), (rows[0] == rows[2]).all()
        ((3, 1000), [1.0, 1.0, 1.0], np.True_)
    """
    columns = checks.check_int("columns", columns, low=1, high=checks.MAX_INT64)
    if layout not in ("csr", "dense"):
        raise InvalidError(f'layout is "csr" or "dense", not {layout!r}')
    shown = Csr() if layout == "csr" else Dense()
    return Function(
        (
            Elementwise("hash_categories", (columns, checks.check_seed(seed))),
            Hot("hot", columns, None, shown),
        )
    )


@dataclass(frozen=True)
class Composed:
    """Functions one after another, and then functions of columns by name."""

    functions: tuple[Callable[[Any], Any], ...]
    columns: tuple[tuple[str, Function], ...]

    def __call__(self, item: Any) -> Any:
        """Returns what becomes of an item, a batch or a dict of columns."""
        for function in self.functions:
            item = function(item)
        if not self.columns:
            return item
        if not isinstance(item, Mapping):
            raise InvalidError(
                f"compose has functions of the columns {', '.join(dict(self.columns))}, and what "
                f"comes has no columns by name: a {type(item).__name__}; return a dict"
            )
        found = dict(item)
        for name, function in self.columns:
            if name not in found:
                raise InvalidError(
                    f"compose has a function of column {name!r}, and there are "
                    f"{', '.join(map(str, found))}",
                    column=name,
                )
            found[name] = function(found[name])
        return found


def compose(*functions: Callable[[Any], Any], **columns: Function) -> Any:
    """Returns functions one after another, as one.

    Functions of columns alone become such a function. Otherwise the result is a transform, for
    `convert`, `from_items` and `Loader`: it calls `functions` in turn, and then those of `columns`
    on the columns of the dict that came out.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.compose(hr.clip(0, 3), hr.log1p())
        headrace.clip(0.0, 3.0) | log1p()
        >>> transform = hr.compose(
        ...     lambda n: {"x": np.arange(n), "y": np.arange(n)}, x=hr.one_hot(2)
        ... )
        >>> transform(2)["x"].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if not functions and not columns:
        raise InvalidError("compose takes functions; found none")
    for function in functions:
        if not callable(function):
            raise InvalidError(f"compose takes functions, not {function!r}")
    for name, function in columns.items():
        if not isinstance(function, Function):
            raise InvalidError(
                f"compose takes functions of columns such as hr.log1p() by name, not {name}="
                f"{function!r}",
                column=name,
            )
    of_columns = [function for function in functions if isinstance(function, Function)]
    if not columns and len(of_columns) == len(functions):
        return Function(tuple(step for function in of_columns for step in function.steps))
    return Composed(functions, tuple(columns.items()))


def fit(dataset: Dataset, /, *columns: str, threads: int | None = None) -> Statistics:
    """Returns statistics of columns of numbers: count, mean, variance, least and largest.

    Each column is read once, on all cores. The result has the same bits for any number of threads,
    and that of parts can be added. Rows are those that batches show: after views and layouts.

    Args:
        dataset: The rows.
        *columns: Which columns; without any, all tensors but bools.
        threads: How many; None for one per processor that this process may use.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.array([1.0, np.nan, 3.0]), y=np.arange(3))
        >>> stats = hr.fit(ds)
        >>> stats, stats["x"].count, stats["x"].mean, stats["y"].max
        (headrace.Statistics(x, y), array(2), array(2.), array(2.))
        >>> both = stats + hr.fit(ds.subset([0]))
        >>> both["x"].count, both["y"].var
        (array(3), array(0.6875))
    """
    if not isinstance(dataset, Dataset):
        raise InvalidError(f"fit takes a dataset, not {dataset!r}; hr.from_arrays makes one")
    if threads is None:
        threads = len(os.sched_getaffinity(0))
    threads = checks.check_int("threads", threads, low=1, high=checks.MAX_THREADS)
    schema = dataset.schema
    names = columns or [
        field.name for field in schema.values() if field.is_tensor and field.dtype != "bool"
    ]
    if not names:
        raise InvalidError(f"there is no column of numbers to fit in {schema!r}")
    found = {}
    for name in names:
        lists = dataset._made.core.moments(schema.position(name), threads)
        found[name] = ColumnStatistics.from_core(lists, schema[name].row_shape)
    return Statistics(found)


def _number(name: str, value: object) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise InvalidError(f"{name} is a number, not {value!r}")
    return float(value)

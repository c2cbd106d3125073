"""Numeric and categorical functions: of arrays, of columns of a dataset, of a conversion's rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from headrace import checks, stored_rows
from headrace.arrays import from_arrays
from headrace.column_functions import Bucketize, ColumnFunction, Elementwise, Hot, Standardize
from headrace.column_statistics import ColumnStatistics, Statistics
from headrace.dataset import Dataset
from headrace.errors import InvalidError, UnsupportedError
from headrace.layouts import Dense, as_layout
from headrace.schema import Field


class Function(ColumnFunction):
    """A function of the numbers of a column: call it with an array, or give it to with_columns."""

    def __call__(self, rows: Any) -> Any:
        """Returns what it makes of an array or tensor of rows: computed as in a dataset."""
        return from_arrays(x=rows).with_columns(x=self)["x"][:]


def standardize(
    statistics: ColumnStatistics | Statistics, *, with_mean: bool = True, with_std: bool = True
) -> Function:
    """Returns (x - mean) / std, with the mean and std of scikit-learn's StandardScaler.

    The arithmetic is in float64, with the reciprocal of std: results of float32 are those of a
    division, rounded; float64, which is what float64 and integers of 32 bits and more become, may
    differ from it in the last place. Numbers that are all equal are not scaled.

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
            ``edges[i]``. Integers are compared exactly with columns of integers, however large.
        right: Whether an edge belongs to the bucket above it instead.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.bucketize([1, 3])(np.array([0.5, 1.0, 2.0, 5.0])).tolist()
        [0, 0, 1, 2]
    """
    numbers = [_exact(f"edge {k}", edge) for k, edge in enumerate(edges)]
    if any(math.isnan(number) for number in numbers) or sorted(numbers) != numbers:
        raise InvalidError(f"the edges of bucketize ascend; found {list(edges)}")
    return Function((Bucketize(tuple(numbers), checks.check_bool("right", right)),))


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
    columns: int, *, seed: int = 0, layout: Literal["csr", "dense", "jagged"] = "csr"
) -> Function:
    """Returns sparse rows with a one in the column that each category of a row is hashed to.

    A category is a whole number, such as an id; which column it has depends on it and the seed
    alone, and is the same for ever. Text is hashed by `text.Hasher`.

    Args:
        columns: How many columns there are: the more, the fewer categories share one.
        seed: Another one gives other columns.
        layout: "csr", "dense", or "jagged": ``(indices, offsets, weights)``, as
            ``torch.nn.EmbeddingBag`` takes them.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(user=np.array([17, 4, 17]))
        >>> rows = ds.with_columns(user=hr.hash_categories(1000, layout="dense"))["user"][:]
        >>> rows.shape, rows.sum(axis=1).tolist(), (rows[0] == rows[2]).all()
        ((3, 1000), [1.0, 1.0, 1.0], np.True_)
    """
    columns = checks.check_int("columns", columns, low=1, high=checks.MAX_INT64)
    if layout not in ("csr", "dense", "jagged"):
        raise InvalidError(f'layout is "csr", "dense" or "jagged", not {layout!r}')
    shown = as_layout("", layout)
    assert shown is not None
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
    and that of parts can be added. Rows are those that batches show: after views and layouts. Of a
    ragged column, with or without a layout, the numbers are its elements.

    Args:
        dataset: The rows.
        *columns: Which columns, tensors or ragged; without any, all tensors but bools.
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
    number = checks.thread_count(threads)
    schema = dataset.schema
    names = columns or [
        field.name for field in schema.values() if field.is_tensor and field.dtype != "bool"
    ]
    if not names:
        raise InvalidError(f"there is no column of numbers to fit in {schema!r}")
    found = {}
    for name in names:
        field = schema[name]
        if field.kind == "ragged":
            found[name] = _ragged_statistics(dataset.select_columns([name]), number)
            continue
        _check_numbers(field)
        lists = dataset._made.core.moments(schema.position(name), number)
        found[name] = ColumnStatistics.from_core(lists, field.row_shape)
    return Statistics(found)


def _ragged_statistics(column: Dataset, threads: int) -> ColumnStatistics:
    """Returns those of the elements of a dataset of one ragged column, some megabytes at a time."""
    stored = column._as_stored()
    (field,) = stored.schema.values()
    _check_numbers(field)
    if field.dtype == "bfloat16":
        stored = stored.cast("float32")
    found = ColumnStatistics.none(field.row_shape)
    for step in stored_rows.steps(stored):
        (rows,) = step.values()
        if rows.values is not None and len(rows.values):
            lists = from_arrays(rows.values)._made.core.moments(0, threads)
            found = found.merged(ColumnStatistics.from_core(lists, field.row_shape))
    return found


def _check_numbers(field: Field) -> None:
    """Raises UnsupportedError for a column that has no numbers."""
    if field.kind in ("text", "bytes"):
        raise UnsupportedError(
            f"column {field.name!r} is {field.kind}, and statistics are of numbers; labels become "
            f"numbers by ds.encode_labels({field.name!r}), words by hr.text.Hasher",
            column=field.name,
        )


def _exact(name: str, value: object) -> int | float:
    number = _number(name, value)
    return int(value) if isinstance(value, int | np.integer) else number


def _number(name: str, value: object) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(
        value, int | float | np.integer | np.floating
    ):
        raise InvalidError(f"{name} is a real number, not {value!r}")
    try:
        return float(value)
    except OverflowError as error:  # an int of over a thousand bits
        raise InvalidError(f"{name} is beyond the range of float64, about 1.8e308") from error

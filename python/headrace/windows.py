"""Windows: a dataset whose rows are several consecutive rows of another, in place."""

from __future__ import annotations

from headrace import _core, checks
from headrace.dataset import Dataset
from headrace.errors import InvalidError


def windows(
    dataset: Dataset, *, length: int, stride: int | None = None, within: str | None = None
) -> Dataset:
    """Returns the dataset of windows of consecutive rows, without copying or listing any.

    Row i is rows ``i * stride`` to ``i * stride + length`` of `dataset`, across the borders of its
    files, and a column with rows of shape s has windows of shape ``(length, *s)``. Rows at the end
    that fill no whole window are left out.

    For a language model over files of tokens, ``length=1025, stride=1024`` gives ``w[:, :-1]`` and
    ``w[:, 1:]`` as inputs and targets.

    Make windows before a random `split` or `subset`: the rows of those are no neighbours any more,
    and windows of them are gathered row by row. Where windows overlap, split the rows before, by
    file or by slices, so that no row is in both parts.

    Args:
        dataset: Any dataset, windows included.
        length: Rows of a window.
        stride: Rows from the start of one window to the start of the next; `length` if None.
        within: A column, for time series: rows next to each other with equal values (byte for
            byte) in it are a series, and no window crosses from one series to the next. The first
            window of a series starts at its first row; series shorter than `length` have none.
            The column is read once now, and windowed like the others. Takes up to 32 bytes for each
            series, nothing for each window.

    Raises:
        InvalidError: If no window fits, or an argument is wrong.

    Example:
        >>> import numpy as np, headrace as hr
        >>> tokens = hr.from_arrays(t=np.arange(10))
        >>> hr.windows(tokens, length=4, stride=3)["t"][:].tolist()
        [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
        >>> series = hr.from_arrays(id=np.array([5, 5, 5, 8, 9, 9]), x=np.arange(6))
        >>> hr.windows(series, length=2, stride=1, within="id")["x"][:].tolist()
        [[0, 1], [1, 2], [4, 5]]
    """
    if not isinstance(dataset, Dataset):
        raise InvalidError(
            f"windows are made of a headrace Dataset, not of a {type(dataset).__name__}; "
            "see hr.from_arrays, hr.memmap and hr.open"
        )
    length = checks.check_int("length", length, low=1, high=checks.MAX_INT64)
    stride = (
        length
        if stride is None
        else checks.check_int("stride", stride, low=1, high=checks.MAX_INT64)
    )
    column = None if within is None else dataset.schema.position(within)
    return dataset._view(_core.Dataset.windows, length, stride, column)

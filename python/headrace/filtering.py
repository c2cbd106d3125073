"""Which rows of a dataset a function keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from headrace import checks, indexing
from headrace.errors import InvalidError, TransformError

if TYPE_CHECKING:
    from headrace.dataset import Dataset


def kept_rows(
    dataset: Dataset, fn: Callable[[Any], Any], batch_rows: int | None
) -> indexing.IndexArray:
    """Returns the numbers of the rows for which `fn`, given batches, returns True.

    Raises:
        InvalidError: If `fn` returns anything but a mask of the batch, or keeps nothing.
        TransformError: If `fn` raises.
    """
    if not callable(fn):
        raise InvalidError(
            f"filter takes a function of batches, not a {type(fn).__name__}; for a mask use "
            "ds.subset(mask)"
        )
    if batch_rows is not None:
        batch_rows = checks.check_int("batch_rows", batch_rows, low=1, high=checks.MAX_INT64)
    kept: list[indexing.IndexArray] = []
    first = 0
    for batch in dataset.chunks(batch_rows):
        rows = _count_rows(batch[0] if isinstance(batch, tuple) else next(iter(batch.values())))
        where = f"rows {first} to {first + rows - 1}"
        try:
            result = fn(batch)
        except Exception as error:
            raise TransformError(
                f"the filter raised {type(error).__name__} for {where}: {error}", row=first
            ) from error
        kept.append(np.flatnonzero(_check_mask(result, rows, where)) + first)
        first += rows
    indices = np.concatenate(kept)
    if indices.size == 0:
        raise InvalidError(
            f"the filter keeps none of {first} rows, and a dataset needs one or more; fn returns "
            "True for each row to keep"
        )
    indices.setflags(write=False)
    return indices


def _count_rows(column: Any) -> int:
    # scipy's sparse arrays have a shape and no length.
    return int(column.shape[0]) if hasattr(column, "shape") else len(column)


def _check_mask(result: Any, rows: int, where: str) -> Any:
    if result is None:
        raise InvalidError(
            f"the filter returned None for {where}; return one bool per row (is a return missing?)"
        )
    try:
        mask = np.asarray(result)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidError(
            f"the filter returned a {type(result).__name__} for {where}, which is no array: {error}"
        ) from error
    if mask.dtype != np.bool_:
        raise InvalidError(
            f"the filter returned {mask.dtype} values for {where}; return one bool per row, for "
            'example batch["y"] > 0'
        )
    if mask.shape != (rows,):
        raise InvalidError(
            f"the filter returned a mask of shape {mask.shape} for {where}; one bool per row has "
            f"the shape ({rows},)"
        )
    return mask

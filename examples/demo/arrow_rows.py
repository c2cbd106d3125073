"""Columns of shards as numpy arrays over memory maps: how loaders without headrace read them.

Through pyarrow, so that what the checks compare headrace with has no code in common with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

Array = np.ndarray[Any, np.dtype[Any]]


def mapped_column(files: Sequence[Path], column: str) -> list[Array]:
    """Returns a read-only array for each record batch, in the order of the rows; copies nothing."""
    return [_rows(part) for part in _parts(files, column)]


def sparse_column(files: Sequence[Path], column: str, *, width: int) -> sparse.csr_matrix:
    """Returns all rows of a csr column, which is lists of structs, as one matrix in memory."""
    return sparse.vstack([_matrix(part, width) for part in _parts(files, column)], format="csr")


def _parts(files: Sequence[Path], column: str) -> list[Any]:
    return [batch.column(column) for file in files for batch in _batches(pa.memory_map(str(file)))]


def _batches(source: Any) -> list[Any]:
    reader = pa.ipc.open_file(source)
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _rows(array: Any) -> Array:
    """Returns nested lists of fixed sizes as one array with a dimension for each."""
    shape = [len(array)]
    while pa.types.is_fixed_size_list(array.type):
        shape.append(array.type.list_size)
        array = array.flatten()
    numbers: Array = array.to_numpy(zero_copy_only=True)
    return numbers.reshape(shape)


def _matrix(lists: Any, width: int) -> sparse.csr_matrix:
    indices, values = (lists.values.field(name).to_numpy() for name in ("indices", "values"))
    return sparse.csr_matrix((values, indices, lists.offsets.to_numpy()), (len(lists), width))

"""hr.read_svmlight(path): float64, all cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy.sparse import csr_matrix

import headrace as hr


def read(path: Path, *, threads: int | None = None, dtype: str = "float64") -> hr.Dataset:
    return hr.read_svmlight(path, threads=threads, dtype=dtype)


def as_scipy(ds: hr.Dataset) -> tuple[Any, Any]:
    """Returns what was read, after the clock has stopped: a dataset is what is wanted."""
    x = ds["x"][:]
    return csr_matrix((x.data, x.indices, x.indptr), x.shape), ds["y"][:]

"""xgboost.DMatrix(path + "?format=libsvm", nthread=-1): float32, in its own form."""

from __future__ import annotations

from pathlib import Path

import xgboost

PACKAGE = "xgboost"


def count(path: Path) -> tuple[int, int, int]:
    """Returns rows, columns and stored values; a first column counts that no index names."""
    matrix = xgboost.DMatrix(f"{path}?format=libsvm&indexing_mode=1", nthread=-1, silent=True)
    return int(matrix.num_row()), int(matrix.num_col()), int(matrix.num_nonmissing())

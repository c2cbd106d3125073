"""Rows that need more memory than there is are an error before any of it is taken."""

from __future__ import annotations

import numpy as np
import pytest

import headrace as hr

WIDTH = 2**40


@pytest.fixture
def wide() -> hr.Dataset:
    """Three csr rows, 2^40 wide."""
    rows = hr.csr(
        indptr=np.arange(4), indices=np.arange(3), values=np.ones(3, np.float32), columns=WIDTH
    )
    return hr.from_arrays(x=rows)


def test_dense_rows_beyond_the_memory_are_refused_with_what_to_do(wide: hr.Dataset) -> None:
    dense = wide.with_layout(x="dense")
    with pytest.raises(hr.InvalidError, match=rf"column x: 3 rows of float32\[{WIDTH}\].*csr"):
        dense[:]
    with pytest.raises(hr.InvalidError, match=r"column x: 1 rows"):
        dense[1]


def test_csr_of_the_same_rows_is_read(wide: hr.Dataset) -> None:
    row = wide.with_layout(x="csr")[1:3]["x"]
    assert row.shape == (2, WIDTH)
    assert row.nnz == 2

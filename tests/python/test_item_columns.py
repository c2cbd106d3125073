"""`hr.from_items` with results whose rows have any length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import headrace as hr


def test_results_may_be_ragged_sparse_and_text() -> None:
    sparse = pytest.importorskip("scipy.sparse")

    def rows(count: int) -> dict[str, Any]:
        dense = np.eye(count, 4, dtype=np.float32)
        return {
            "n": np.full(count, count),
            "lists": hr.ragged([[count] * k for k in range(count)]),
            "words": sparse.csr_array(dense),
            "names": [f"{count}.{k}" for k in range(count)],
            "raw": [b"\xff" * k for k in range(count)],
        }

    ds = hr.from_items([2, 3, 1], rows, rows="many", threads=2)
    assert ds["n"][:].tolist() == [2, 2, 3, 3, 3, 1]
    assert [row.tolist() for row in ds["lists"][:]] == [[], [2], [], [3], [3, 3], []]
    assert ds["names"][:] == ["2.0", "2.1", "3.0", "3.1", "3.2", "1.0"]
    assert ds["raw"][:] == [b"", b"\xff", b"", b"\xff", b"\xff\xff", b""]
    np.testing.assert_array_equal(
        ds["words"][:].toarray(), np.vstack([np.eye(k, 4) for k in (2, 3, 1)])
    )


def test_columns_of_any_length_must_be_alike_too() -> None:
    def unlike(number: int) -> Any:
        return {"t": ["a"]} if number < 2 else {"t": [b"a"]}

    with pytest.raises(hr.InvalidError, match=r"item 2 .*t: bytes.*t: text"):
        hr.from_items(range(3), unlike, rows="many")
    with pytest.raises(hr.InvalidError, match=r"item 0.*'t' has 1 rows and column 'x' has 2"):
        hr.from_items([0], lambda _: {"t": ["a"], "x": np.zeros(2)}, rows="many")
    with pytest.raises(hr.InvalidError, match=r"item 1.*has the columns u"):
        hr.from_items([0, 1], lambda n: {"tu"[n]: ["a"]}, rows="many")


def test_offsets_of_results_need_not_begin_at_zero() -> None:
    values = np.arange(10)
    ds = hr.from_items([0, 1], lambda n: (hr.ragged(values, offsets=[2 + n, 4, 7]),), rows="many")
    assert [row.tolist() for row in ds["0"][:]] == [[2, 3], [4, 5, 6], [3], [4, 5, 6]]
    with pytest.raises(hr.InvalidError, match="offsets from 2 to 11, and 10"):
        hr.from_items([0], lambda _: (hr.ragged(values, offsets=[2, 11]),), rows="many")

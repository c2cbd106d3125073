"""hr.csr: sparse columns from lists and arrays of indices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import headrace as hr

torch = pytest.importorskip("torch")


def lists(column: Any) -> list[list[int]]:
    return [column.indices[a:b].tolist() for a, b in itertools.pairwise(column.indptr)]


PADDED = np.array([[3, 1, -1], [-1, -1, -1], [2, 2, 0], [5, -1, 4]])
ROWS = [[3, 1], [], [2, 2, 0], [5, 4]]


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [np.array(row, np.int32) for row in ROWS],
        [torch.tensor(row, dtype=torch.int64) for row in ROWS],
        [[3.0, 1.0], [], [2.0, 2.0, 0.0], [5.0, 4.0]],
        hr.ragged(ROWS),
        hr.ragged(np.array([99, 3, 1, 2, 2, 0, 5, 4, 99]), offsets=[1, 3, 3, 6, 8]),
        PADDED,
        PADDED.astype(np.float64),
        torch.from_numpy(PADDED),
    ],
    ids=["lists", "arrays", "tensors", "floats", "ragged", "part", "padded", "memmap", "tensor"],
)
def test_rows_of_indices_in_any_form(rows: object) -> None:
    column = hr.csr(rows, columns=6)
    assert lists(column) == ROWS
    assert column.indices.dtype == np.uint16
    assert repr(column) == "headrace.csr(<4 rows of csr binary[6]>)"
    ds = hr.from_arrays(x=column)
    assert repr(ds.schema) == "Schema(x: csr binary[6])"
    assert [row.indices.tolist() for row in ds["x"]] == ROWS


def test_values_belong_to_indices() -> None:
    weights = [[0.5, 1.5], [], [2.5, 3.5, 4.5], [5.5, 6.5]]
    column = hr.csr(ROWS, columns=6, values=weights)
    assert column.values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    padded = np.arange(12, dtype=np.float32).reshape(4, 3)
    column = hr.csr(PADDED, columns=6, values=padded)
    assert column.values.tolist() == padded[PADDED != -1].tolist()
    assert column.values.dtype == np.float32
    dense = hr.from_arrays(x=column)["x"][:].toarray()
    assert dense[2].tolist() == [8.0, 0.0, 13.0, 0.0, 0.0, 0.0]  # 6 + 7 at the index given twice


def test_one_index_a_row_and_another_pad() -> None:
    assert lists(hr.csr(np.array([2, 0, 1]), columns=3)) == [[2], [0], [1]]
    assert lists(hr.csr(np.array([[2, 7], [7, 7]]), columns=3, pad=7)) == [[2], []]
    assert lists(hr.csr(np.array([[2, 1]]), columns=3, pad=None)) == [[2, 1]]


@pytest.mark.parametrize(
    ("columns", "dtype"),
    [(65_536, np.uint16), (65_537, np.int32), (2**31, np.int32), (2**31 + 1, np.int64)],
)
def test_indices_are_as_small_as_the_width_allows(columns: int, dtype: Any) -> None:
    column = hr.csr([[columns - 1]], columns=columns)
    assert column.indices.dtype == dtype
    assert hr.from_arrays(x=column)[0]["x"].indices.tolist() == [columns - 1]


def test_arrays_of_csr_are_used_as_they_are() -> None:
    indptr, indices = np.array([0, 1, 3], np.int32), np.array([2, 0, 1], np.int32)
    values = np.array([1.0, 2.0, 3.0])
    column = hr.csr(indptr=indptr, indices=indices, values=values, columns=3)
    assert column.indptr is indptr
    assert column.indices is indices
    assert column.values is values
    small = hr.csr(indptr=indptr, indices=indices.astype(np.uint8), columns=3)
    assert lists(small) == [[2], [0, 1]]
    wide = hr.csr(indptr=indptr, indices=indices.astype(np.uint16), columns=10**5)
    assert hr.from_arrays(x=wide)[1]["x"].indices.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rows": [[0], [6]]}, "row 1 of csr has the index 6.*0 to 5"),
        ({"rows": [[0], [-1]]}, "row 1 of csr has the index -1"),
        ({"rows": np.array([[0, -2]])}, "row 0 of csr has the index -2"),
        ({"rows": np.array([[0, -1], [1.5, -1]])}, r"row 1 of csr has the index 1\.5"),
        ({"rows": np.array([[np.nan]])}, "row 0 of csr has the index nan"),
        ({"rows": np.array([[np.inf]])}, "row 0 of csr has the index inf"),
        ({"rows": np.array([[1e300]])}, r"row 0 of csr has the index 1e\+300"),
        ({"rows": np.array([[True]])}, "not bool"),
        ({"rows": np.zeros((2, 2, 2), int)}, r"\(rows, entries\)"),
        ({"rows": [[[1]], [[2]]]}, "lists of numbers"),
        ({"rows": 3}, "csr takes a list"),
        ({"rows": [[1], [2]], "values": [["a"], ["b"]]}, "row 0 of values= of csr has text"),
        ({"rows": [[1], [2]], "values": [[1.0], []]}, "row 1 of csr has 1 indices and 0 values"),
        ({"rows": [[1], [2]], "values": [[1.0]]}, "2 rows and values= has 1"),
        ({"rows": np.array([[1, 2]]), "values": np.ones((1, 3))}, r"\(1, 2\).*\(1, 3\)"),
        ({}, "give one of them"),
        ({"indptr": [0, 1]}, "give one of them"),
        ({"rows": [[1]], "indptr": [0, 1], "indices": [1]}, "not both"),
        ({"indptr": [], "indices": []}, "one more number"),
        ({"indptr": [0.5], "indices": [1]}, "indptr is an array of integers"),
        ({"indptr": [0, 1], "indices": [[1]]}, r"indices is an array.*\(1, 1\)"),
        ({"indptr": [0, 1], "indices": [1], "values": [1.0, 2.0]}, r"each of 1 indices.*\(2,\)"),
        ({"rows": [[1]], "columns": 0}, "columns must lie between 1"),
        ({"rows": [[1]], "pad": 0.5}, "pad must be an int"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_csr_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(hr.InvalidError, match=said):
        hr.csr(**{"columns": 6, **arguments})


@pytest.mark.parametrize("indptr", [[0, 1, 2], [1, 2, 3]])
def test_indices_that_belong_to_no_row_are_refused(indptr: list[int]) -> None:
    with pytest.raises(hr.InvalidError, match=rf"from {indptr[0]} to {indptr[-1]}, .* 3 indices"):
        hr.csr(indptr=indptr, indices=[1, 2, 3], columns=4)


def test_arrays_of_no_entries_may_be_empty_lists() -> None:
    ds = hr.from_arrays(x=hr.csr(indptr=[0, 0, 0], indices=[], values=[], columns=2))
    assert ds.with_layout(x="dense")[:]["x"].tolist() == [[0, 0], [0, 0]]


def test_a_row_of_another_type_is_named_and_no_column() -> None:
    for make, what in ((lambda row: hr.csr([row], columns=4), "csr"), (hr.ragged, "ragged")):
        rows = {1, 2} if what == "csr" else [{1, 2}]
        with pytest.raises(hr.UnsupportedError, match=f"^row 0 of {what} is a set") as found:
            make(rows)
        assert found.value.column == ""
    with pytest.raises(hr.InvalidError, match=r"^row 1 of ragged has text.*hr\.text\.Hasher"):
        hr.ragged([[1], ["a"]])

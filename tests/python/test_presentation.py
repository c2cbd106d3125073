"""What users see of the arrays that the core makes of a column, for each layout and output."""

from __future__ import annotations

import dataclasses
import pickle
import sys
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr
from headrace.presentation import CoreParts, batch, presenter, rows

# Rows {4: 1, 0: 2}, {}, {1: 3}: indices in no order, and a row without any.
DENSE = np.array([[2, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 3, 0, 0, 0]], np.float32)
OFFSETS = np.array([0, 2, 2, 3], np.int32)
INDICES = np.array([4, 0, 1], np.int32)
VALUES = np.array([1, 2, 3], np.float32)
CSR = CoreParts(OFFSETS, VALUES, INDICES, None)
COO = CoreParts(None, VALUES, np.array([[0, 0, 2], [4, 0, 1]]), None)
RAGGED = CoreParts(OFFSETS.astype(np.int64), VALUES, None, None)


def csr(layout: Any) -> hr.Field:
    return hr.Field("x", "float32", kind="csr", index_dtype="int32", width=5, layout=layout)


def ragged(layout: Any) -> hr.Field:
    return hr.Field("x", "float32", kind="ragged", layout=layout)


def show(field: hr.Field, parts: CoreParts, output: Any) -> Any:
    make = presenter(field, output)
    assert make is not None
    if output == "torch":
        parts = CoreParts(*(None if part is None else torch.from_numpy(part) for part in parts))
    return make(parts, 3)


def test_csr_is_a_sparse_tensor_with_the_indices_of_the_core() -> None:
    tensor = show(csr(hr.Csr()), CSR, "torch")
    assert tensor.layout == torch.sparse_csr
    assert tensor.crow_indices().dtype == tensor.col_indices().dtype == torch.int32
    assert tensor.shape == (3, 5)
    assert tensor.to_dense().tolist() == DENSE.tolist()


def test_coo_is_a_sparse_tensor_that_claims_no_order() -> None:
    tensor = show(csr(hr.Coo()), COO, "torch")
    assert tensor.layout == torch.sparse_coo
    assert not tensor.is_coalesced()
    assert tensor.to_dense().tolist() == DENSE.tolist()


@pytest.mark.parametrize(("layout", "parts"), [(hr.Csr(), CSR), (hr.Coo(), COO)])
def test_numpy_has_scipys_arrays_or_their_parts(
    layout: Any, parts: CoreParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    array = show(csr(layout), parts, "numpy")
    assert type(array) is (sparse.csr_array if layout.kind == "csr" else sparse.coo_array)
    assert array.toarray().tolist() == DENSE.tolist()
    assert np.shares_memory(array.data, VALUES)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    plain = show(csr(layout), parts, "numpy")
    assert plain.shape == (3, 5)
    assert plain.data is VALUES
    if isinstance(plain, hr.CooRows):
        assert plain.coords is parts.indices
    else:
        assert isinstance(plain, hr.SparseRows)
        assert (plain.indices is INDICES, plain.indptr is OFFSETS) == (True, True)


def test_dlpack_has_the_parts() -> None:
    assert isinstance(show(csr(hr.Csr()), CSR, "dlpack"), hr.SparseRows)
    assert isinstance(show(csr(hr.Coo()), COO, "dlpack"), hr.CooRows)


@pytest.mark.parametrize("index_dtype", [np.uint16, np.int32, np.int64])
def test_jagged_csr_is_what_an_embedding_bag_takes(index_dtype: Any) -> None:
    torch.manual_seed(0)
    bag = torch.nn.EmbeddingBag(5, 2, mode="sum", include_last_offset=True)
    parts = CoreParts(OFFSETS.astype(np.int64), VALUES, INDICES.astype(index_dtype), None)
    field = dataclasses.replace(csr(hr.Jagged()), index_dtype=np.dtype(index_dtype).name)
    found = bag(*show(field, parts, "torch"))
    torch.testing.assert_close(found, torch.from_numpy(DENSE) @ bag.weight)
    binary = show(field, parts._replace(values=None), "torch")
    assert binary.weights is None
    ones = torch.from_numpy((DENSE != 0).astype(np.float32))
    torch.testing.assert_close(bag(*binary), ones @ bag.weight)


def test_jagged_rows_are_a_nested_tensor_in_torch_only() -> None:
    nested = show(ragged(hr.Jagged()), RAGGED, "torch")
    assert nested.is_nested
    assert nested.layout == torch.jagged
    assert [row.tolist() for row in nested.unbind()] == [[1, 2], [], [3]]
    for field, output in (
        (ragged(hr.Jagged()), "numpy"),
        (ragged(hr.Jagged(nested=False)), "torch"),
    ):
        pair = show(field, RAGGED, output)
        assert isinstance(pair, hr.RaggedRows)
        assert (pair.values.tolist(), pair.offsets.tolist()) == ([1, 2, 3], [0, 2, 2, 3])


@pytest.mark.parametrize(
    ("layout", "kind"), [(hr.Padded(), hr.PaddedRows), (hr.Padded(mask=True), hr.MaskedRows)]
)
def test_padded_rows_are_a_pair(layout: Any, kind: Any) -> None:
    values = np.array([[1, 2], [0, 0], [3, 0]], np.float32)
    second = values > 0 if layout.mask else np.array([2, 0, 1])
    pair = show(ragged(layout), CoreParts(None, values, None, second), "torch")
    assert isinstance(pair, kind)
    assert pair[0].tolist() == values.tolist()
    assert pair[1].tolist() == second.tolist()
    assert type(pickle.loads(pickle.dumps(pair))) is kind
    each = rows(ragged(layout), (None, values, None, second), range(3))  # type: ignore[arg-type]
    assert [type(row) for row in each] == [kind] * 3
    assert each[2][0].tolist() == [3, 0]
    assert each[2][1].tolist() == second[2].tolist()


def test_dense_rows_and_tensors_need_nothing() -> None:
    tensor = hr.Field("x", "float32", (5,), layout=hr.Dense())
    assert presenter(tensor, "torch") is None
    assert presenter(hr.Field("x", "int64"), "numpy") is None


@pytest.mark.parametrize(("layout", "parts"), [(None, CSR), (hr.Csr(), CSR), (hr.Coo(), COO)])
def test_each_row_of_csr_is_a_sparse_row(layout: Any, parts: Any) -> None:
    found = rows(csr(layout), parts, range(10, 13))
    assert all(isinstance(row, hr.SparseRow) for row in found)
    assert [row.indices.tolist() for row in found] == [[4, 0], [], [1]]
    assert [row.values.tolist() for row in found] == [[1, 2], [], [3]]


def test_rows_of_a_dataset_are_those_of_numpy_batches() -> None:
    assert [row.tolist() for row in rows(ragged(hr.Jagged()), RAGGED, range(3))] == [
        [1, 2],
        [],
        [3],
    ]
    assert isinstance(batch(ragged(hr.Jagged()), RAGGED, range(3)), hr.RaggedRows)
    assert [row.tolist() for row in batch(ragged(None), RAGGED, range(3))] == [[1, 2], [], [3]]
    assert batch(csr(hr.Csr()), CSR, range(3)).shape == (3, 5)

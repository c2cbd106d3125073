"""What exports Arrow data becomes columns: each type, sliced, chunked, and with nulls."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.batch_intake import BatchIntake
from headrace.column_input import read_column
from headrace.column_rows import ColumnRows

_ARRAY2 = pa.list_(pa.int16(), 2)


def rows_of(column: ColumnRows) -> list[Any]:
    """Returns the rows of a column that is not sparse."""
    assert column.values is not None
    if column.offsets is None:
        return list(column.values.tolist())
    offsets = column.offsets.tolist()
    assert len(offsets) == column.rows + 1
    parts = [column.values[a:b] for a, b in itertools.pairwise(offsets)]
    if column.field.kind == "text":
        return [part.tobytes().decode() for part in parts]
    if column.field.kind == "bytes":
        return [part.tobytes() for part in parts]
    return [part.tolist() for part in parts]


CASES = [
    (pa.bool_(), [True, False, True], "bool"),
    *((pa.from_numpy_dtype(np.dtype(name)), [0, 1, 100], name)
      for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")),
    *((pa.from_numpy_dtype(np.dtype(name)), [0.5, -1.0, 2.0], name)
      for name in ("float16", "float32", "float64")),
    (pa.string(), ["a", "", "grün"], "text"),
    (pa.large_string(), ["a", "", "grün"], "text"),
    (pa.string_view(), ["a", "", "a text that is longer than twelve"], "text"),
    (pa.binary(), [b"a", b"", b"\xff"], "bytes"),
    (pa.large_binary(), [b"a", b"", b"\xff"], "bytes"),
    (pa.binary_view(), [b"a", b"", b"bytes that are longer than twelve"], "bytes"),
    (pa.binary(2), [b"ab", b"cd", b"\xff\x00"], "bytes"),
    (pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"], "text"),
    (pa.dictionary(pa.int8(), pa.int32()), [7, 8, 7], "int32"),
    (_ARRAY2, [[1, 2], [3, 4], [5, 6]], "int16[2]"),
    (pa.list_(_ARRAY2, 1), [[[1, 2]], [[3, 4]], [[5, 6]]], "int16[1, 2]"),
    (pa.list_(pa.bool_(), 2), [[True, False], [False, True], [True, True]], "bool[2]"),
    (pa.list_(pa.float32()), [[1.0], [], [2.0, 3.0]], "ragged float32"),
    (pa.large_list(pa.float32()), [[1.0], [], [2.0, 3.0]], "ragged float32"),
    (pa.list_view(pa.int8()), [[1], [], [2, 3]], "ragged int8"),
    (pa.list_(_ARRAY2), [[[1, 2]], [], [[3, 4], [5, 6]]], "ragged int16[2]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values", "field"), CASES, ids=[str(case[0]) for case in CASES])
def test_each_type_becomes_a_kind_of_column(kind: Any, values: list[Any], field: str) -> None:
    array = pa.array(values, kind)
    column = read_column("c", array)
    assert repr(column.field) == f"c: {field}"
    assert rows_of(column) == values
    sliced = read_column("c", array.slice(1, 2))
    assert rows_of(sliced) == values[1:]
    chunked = read_column("c", pa.chunked_array([array, array.slice(2), array.slice(1, 0)]))
    assert rows_of(chunked) == values + values[2:]
    assert chunked.field == column.field
    with pytest.raises(hr.InvalidError, match=r"'c' has 2 null values in 4 rows"):
        read_column("c", pa.array([None, *values[:2], None], kind))
    with pytest.raises(hr.InvalidError, match=r"'c' has 1 null value in 1 rows"):
        read_column("c", pa.array([*values, None], kind).slice(3))


def test_numbers_and_text_are_not_copied() -> None:
    for array in (pa.array(np.arange(9)), pa.array([[1, 2]] * 9, _ARRAY2)):
        values = read_column("c", array).values
        assert values is not None
        assert values.__array_interface__["data"][0] == array.buffers()[-1].address
    text = pa.array(["some", "text"])
    column = read_column("t", text)
    assert column.values is not None
    assert column.values.__array_interface__["data"][0] == text.buffers()[2].address


@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 2)])
def test_extension_tensors_become_tensors(shape: tuple[int, ...]) -> None:
    values = np.arange(4 * np.prod(shape), dtype=np.float32).reshape(4, *shape)
    array = pa.FixedShapeTensorArray.from_numpy_ndarray(values)
    found = read_column("x", array.slice(1))
    assert found.field.row_shape == shape
    np.testing.assert_array_equal(found.values, values[1:])


def test_permuted_tensors_and_unknown_extensions_are_refused() -> None:
    permuted = pa.fixed_shape_tensor(pa.int8(), [2, 3], permutation=[1, 0])
    array = pa.ExtensionArray.from_storage(permuted, pa.array([[1] * 6], pa.list_(pa.int8(), 6)))
    with pytest.raises(hr.UnsupportedError, match=r"permuted.*to_numpy_ndarray"):
        read_column("x", array)
    unknown = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"x" * 16], pa.binary(16)))
    with pytest.raises(hr.UnsupportedError, match=r"arrow\.uuid.*storage"):
        read_column("x", unknown)


@pytest.mark.parametrize(("given", "kept"), [("uint16", "uint16"), ("int32", "int32"),
                                             ("int64", "int64"), ("uint32", "int64"),
                                             ("int8", "int32"), ("uint64", "int64")])  # fmt: skip
def test_lists_of_indices_and_values_are_sparse(given: str, kept: str) -> None:
    item = pa.struct([("values", pa.float32()), ("indices", pa.from_numpy_dtype(given))])
    array = pa.array([[{"indices": 4, "values": 0.5}], [], [{"indices": 1, "values": 2.0}]],
                     pa.list_(item))  # fmt: skip
    column = read_column("w", array)
    assert (column.field.width, column.field.index_dtype) == (5, kept)
    assert column.indices is not None
    assert column.values is not None
    assert (column.indices.tolist(), column.values.tolist()) == ([4, 1], [0.5, 2.0])
    later = read_column("w", array.slice(1))
    assert later.field.width == 2
    assert later.offsets is not None
    assert later.offsets.tolist() == [0, 0, 1]
    kind = pa.list_(pa.struct([("indices", pa.uint64()), ("values", pa.int8())]))
    huge = pa.array([[{"indices": 2**63, "values": 1}]], kind)
    with pytest.raises(hr.InvalidError, match=r"2\*\*63"):
        read_column("w", huge)


def test_nulls_in_parents_of_slices_do_not_count() -> None:
    array = pa.array([[1, None], [3, 4]], _ARRAY2)
    assert rows_of(read_column("x", array.slice(1))) == [[3, 4]]
    lists = pa.array([[None], [3, 4]])
    assert rows_of(read_column("x", lists.slice(1))) == [[3, 4]]


def test_a_stream_is_read_batch_by_batch() -> None:
    taken = []

    def batches() -> Any:
        for number in range(3):
            taken.append(number)
            yield pa.record_batch({"x": [number]})

    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), batches())
    found = BatchIntake().read(reader)
    next(found)
    assert taken == [0]
    assert len(list(found)) == 2

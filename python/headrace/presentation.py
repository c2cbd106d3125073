"""What users see of columns whose rows are not one array: batches of a Loader, rows of a dataset.

The core makes of a batch of such a column the arrays (offsets, values, indices, lengths), None
where there is no such part. Which they are follows from the layout, or else from the kind:

    shown as        offsets  values  indices           lengths            what users get
    text, bytes     yes      yes     -                 -                  list of str, of bytes
    ragged, jagged  yes      yes     -                 -                  RaggedRows, nested tensor
    csr, jagged     yes      yes     yes               -                  JaggedRows
    csr             yes      yes     yes               -                  a sparse tensor or array
    coo             -        yes     rows and columns  -                  a sparse tensor or array
    padded          -        yes     -                 lengths, or mask   PaddedRows, MaskedRows

Dense rows are one array, which nothing is left to do about.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from headrace import _core, row_values, torch_bridge
from headrace.errors import UnsupportedError
from headrace.layouts import Coo, Csr, Dense, Jagged, Padded
from headrace.output import Output
from headrace.schema import Field

Presenter: TypeAlias = Callable[["CoreParts", int], Any]


class CoreParts(NamedTuple):
    """The arrays of one column of a batch as the core makes them."""

    offsets: Any
    values: Any
    indices: Any
    lengths: Any


class RaggedRows(NamedTuple):
    """Rows of any length: row i is ``values[offsets[i]:offsets[i + 1]]``."""

    values: Any
    offsets: Any


class JaggedRows(NamedTuple):
    """Rows of csr, or of indices, as ``torch.nn.EmbeddingBag`` takes them.

    Row i has ``indices[offsets[i]:offsets[i + 1]]``, with a weight for each: 1 of `multi_hot`, and
    weights is None where a csr column has no values. ``EmbeddingBag(..., mode="sum",
    include_last_offset=True)`` is called with ``bag(*rows)``.
    """

    indices: Any
    offsets: Any
    weights: Any


class PaddedRows(NamedTuple):
    """Rows of one length: the first ``lengths[i]`` elements of row i are its own.

    With ``Padded(side="left")`` they are the last ones.
    """

    values: Any
    lengths: Any


class MaskedRows(NamedTuple):
    """Rows of one length; `mask` is True where a row has an element of its own."""

    values: Any
    mask: Any


class CooRows(NamedTuple):
    """Sparse rows in the arrays and with the names of scipy.sparse.coo_array.

    ``data[k]`` stands in row ``coords[0][k]`` and column ``coords[1][k]``.
    """

    data: Any
    coords: Any
    shape: tuple[int, int]


def presenter(field: Field, output: Output) -> Presenter | None:
    """Returns what makes of a column's arrays what a batch shows; None if they are that already.

    It is called with the arrays and the number of rows.

    Raises:
        UnsupportedError: If nobody has said what batches are to show of csr.
    """
    if field.is_tensor or isinstance(field.layout, Dense):
        return None
    match field.layout:
        case None:
            return _stored(field)
        case Csr():
            return _csr(field, output)
        case Coo():
            return _coo(field, output)
        case Padded(mask=mask):
            return _masked if mask else _padded
        case Jagged(nested=nested):
            if field.kind == "csr":
                return _narrow_bags if _too_narrow(field, output) else _bags
            return _nested if nested and output == "torch" else _ragged
    raise AssertionError(field.layout)


def batch(field: Field, read: row_values.CoreArrays, numbers: row_values.RowNumbers) -> Any:
    """Returns several rows of a dataset that are not one array; `numbers` are theirs, for messages.

    Raises:
        CorruptError: If text is not UTF-8, or an index of csr is not below the width.
    """
    if field.layout is None:
        return row_values.batch(field, read, numbers)
    present = presenter(field, "numpy")
    assert present is not None
    return present(CoreParts(*read), len(numbers))


def rows(field: Field, read: row_values.CoreArrays, numbers: row_values.RowNumbers) -> list[Any]:
    """Returns each of these rows by itself, as ``ds[i]`` gives it.

    Raises:
        CorruptError: As `batch`.
    """
    parts = CoreParts(*read)
    match field.layout:
        case Padded(mask=mask):
            pair: Callable[..., Any] = MaskedRows if mask else PaddedRows
            return [pair(*row) for row in zip(parts.values, parts.lengths, strict=True)]
        case Jagged() if field.kind != "csr":
            bounds = itertools.pairwise(parts.offsets.tolist())
            return [parts.values[a:b] for a, b in bounds]
        case Coo():
            # The core makes coordinates row by row.
            of_rows, indices = parts.indices
            offsets = np.searchsorted(of_rows, np.arange(len(numbers) + 1))
            parts = CoreParts(offsets, parts.values, indices, None)
    return row_values.rows(field, parts, numbers)


def _stored(field: Field) -> Presenter:
    match field.kind:
        case "text":
            return _text
        case "bytes":
            return _bytes
        case "ragged":
            return _ragged
    name = field.name
    raise UnsupportedError(
        f"column {name!r} is csr ({field.width} columns); choose what batches show of it: "
        f'ds.with_layout({{{name!r}: "dense"}}) for a tensor of {field.width} columns, "csr" or '
        '"coo" for a sparse tensor, "jagged" for indices and offsets, as EmbeddingBag takes them',
        column=name,
    )


def _text(parts: CoreParts, rows: int) -> list[str]:
    offsets, values, *_ = parts
    return _core.text_rows(offsets, values)


def _bytes(parts: CoreParts, rows: int) -> list[bytes]:
    offsets, values, *_ = parts
    return _core.bytes_rows(offsets, values)


def _ragged(parts: CoreParts, rows: int) -> RaggedRows:
    offsets, values, *_ = parts
    return RaggedRows(values, offsets)


def _nested(parts: CoreParts, rows: int) -> Any:
    offsets, values, *_ = parts
    return torch_bridge.nested_rows(values, offsets)


def _bags(parts: CoreParts, rows: int) -> JaggedRows:
    offsets, values, indices, _ = parts
    return JaggedRows(indices, offsets, values)


def _too_narrow(field: Field, output: Output) -> bool:
    """Whether torch computes nothing with the indices of a column."""
    return output == "torch" and field.index_dtype == "uint16"


def _narrow_bags(parts: CoreParts, rows: int) -> JaggedRows:
    offsets, values, indices, _ = parts
    return JaggedRows(torch_bridge.as_int32(indices), offsets, values)


def _padded(parts: CoreParts, rows: int) -> PaddedRows:
    return PaddedRows(parts[1], parts[3])


def _masked(parts: CoreParts, rows: int) -> MaskedRows:
    return MaskedRows(parts[1], parts[3])


def _csr(field: Field, output: Output) -> Presenter:
    make: Callable[..., Any] = {
        "torch": torch_bridge.sparse_csr,
        "numpy": row_values.csr_rows,
        "dlpack": row_values.SparseRows,
    }[output]
    width = field.width
    if output == "torch":
        torch_bridge.expect_sparse_csr()

    def present(parts: CoreParts, rows: int) -> Any:
        offsets, values, indices, _ = parts
        return make(values, indices, offsets, (rows, width))

    return present


def _coo(field: Field, output: Output) -> Presenter:
    make: Callable[..., Any] = {
        "torch": torch_bridge.sparse_coo,
        "numpy": _scipy_coo,
        "dlpack": CooRows,
    }[output]
    width = field.width

    def present(parts: CoreParts, rows: int) -> Any:
        _, values, coordinates, _ = parts
        return make(values, coordinates, (rows, width))

    return present


def _scipy_coo(values: Any, coordinates: Any, shape: tuple[int, int]) -> Any:
    sparse = row_values.scipy_sparse()
    if sparse is None:
        return CooRows(values, coordinates, shape)
    return sparse.coo_array((values, tuple(coordinates)), shape=shape)

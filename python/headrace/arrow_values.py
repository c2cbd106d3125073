"""Arrow arrays without nulls as rows of columns: which type becomes which kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headrace import advice
from headrace.column_rows import ColumnRows
from headrace.dtypes import DTYPES
from headrace.errors import InvalidError, UnsupportedError
from headrace.optional_packages import require
from headrace.schema import Field

# What our own files say of a field (docs/format.md).
DTYPE = "headrace.dtype"
WIDTH = "headrace.columns"  # docs/format.md: what Arrow does not say of csr


def is_text(pa: Any, kind: Any) -> bool:
    """Whether values of the plain Arrow type `kind` are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_bytes(pa: Any, kind: Any) -> bool:
    """Whether values of the plain Arrow type `kind` are bytes."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def wide_type(pa: Any, kind: Any) -> Any:
    """Returns `kind` with 64-bit offsets, where it has offsets of 32 bits."""
    types = pa.types
    if types.is_string(kind) or types.is_string_view(kind):
        return pa.large_string()
    if types.is_binary(kind) or types.is_binary_view(kind):
        return pa.large_binary()
    if types.is_list(kind):
        return pa.large_list(kind.value_field)
    return kind


def plain(pa: Any, name: str, array: Any) -> Any:
    """Returns an array whose type says what its values are: decoded, no extension, no views."""
    kind = array.type
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _without_extension(pa, name, array)
    if types.is_dictionary(kind):
        values = plain(pa, name, array.dictionary)  # views cannot be decoded
        return pa.DictionaryArray.from_arrays(array.indices, values).dictionary_decode()
    if types.is_run_end_encoded(kind):
        decode = require("pyarrow.compute", to="decode runs").run_end_decode
        return plain(pa, name, decode(array))
    if types.is_fixed_size_binary(kind) or types.is_string_view(kind):
        return array.cast(pa.large_string() if types.is_string_view(kind) else pa.large_binary())
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        return _without_list_view(pa, array)
    return array.cast(pa.large_binary()) if types.is_binary_view(kind) else array


def _without_list_view(pa: Any, array: Any) -> Any:
    # A cast to large_list gives wrong rows (pyarrow 26).
    sizes = np.asarray(array.sizes.to_numpy()).astype(np.int64)
    missing = array.is_null()
    sizes[missing.to_numpy(zero_copy_only=False)] = 0
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    mask = missing if array.null_count else None
    return pa.LargeListArray.from_arrays(pa.array(offsets), array.flatten(), mask=mask)


def _without_extension(pa: Any, name: str, array: Any) -> Any:
    kind = array.type
    if isinstance(kind, pa.FixedShapeTensorType):
        if kind.permutation is not None and list(kind.permutation) != sorted(kind.permutation):
            raise UnsupportedError(
                f"column {name!r} is a tensor whose axes are permuted; pass .to_numpy_ndarray()",
                column=name,
            )
        return _reshape(pa, array.storage, kind.shape)
    if kind.extension_name == "arrow.bool8":
        return array.storage.cast(pa.bool_())
    raise UnsupportedError(
        f"column {name!r} has the extension type {kind.extension_name}; pass what it is stored as: "
        "column.storage",
        column=name,
    )


def _reshape(pa: Any, array: Any, shape: list[int]) -> Any:
    """Returns lists of all elements of a tensor as nested lists of `shape`."""
    size = int(np.prod(shape))
    nested = array.values.slice(array.offset * size, len(array) * size)
    for extent in reversed(shape[1:]):
        nested = pa.FixedSizeListArray.from_arrays(nested, extent)
    mask = array.is_null() if array.null_count else None
    return pa.FixedSizeListArray.from_arrays(nested, shape[0], mask=mask)


def rows_of(pa: Any, name: str, array: Any, metadata: dict[str, str]) -> ColumnRows:
    """Returns the rows of a plain array without nulls.

    Raises:
        InvalidError: If values within its rows are null.
        UnsupportedError: If columns cannot hold its type.
    """
    types = pa.types
    kind = array.type
    if is_text(pa, kind):
        return _sized_rows(Field(name, "uint8", kind="text"), array)
    if is_bytes(pa, kind):
        return _sized_rows(Field(name, "uint8", kind="bytes"), array)
    if types.is_list(kind) or types.is_large_list(kind):
        return _list_rows(pa, name, array, metadata)
    values, dtype = _tensor(pa, name, array, metadata)
    return ColumnRows(Field(name, dtype, values.shape[1:]), len(values), values)


def _tensor(pa: Any, name: str, array: Any, metadata: dict[str, str]) -> tuple[NDArray[Any], str]:
    """Returns numbers, or lists of one length nested in any depth, and their dtype."""
    shape = [len(array)]
    while pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        if size == 0:
            raise UnsupportedError(f"column {name!r} has rows of no elements", column=name)
        shape.append(size)
        array = plain(pa, name, array.values.slice(array.offset * size, len(array) * size))
        if array.null_count:
            raise InvalidError(
                f"column {name!r} has {array.null_count} null values within its rows; fill them "
                "before they are written",
                column=name,
            )
    values, dtype = _numbers(pa, name, array, metadata)
    return values.reshape(shape), dtype


def _numbers(pa: Any, name: str, array: Any, metadata: dict[str, str]) -> tuple[NDArray[Any], str]:
    types = pa.types
    if types.is_boolean(array.type):
        return np.asarray(array.to_numpy(zero_copy_only=False)), "bool"
    if not (types.is_integer(array.type) or types.is_floating(array.type)):
        raise _refusal(pa, name, array.type)
    values = np.asarray(array.to_numpy())
    meant = metadata.get(DTYPE, values.dtype.name)
    if meant == "bool" and values.dtype == np.uint8:
        return values.view(np.bool_), meant
    if meant == "bfloat16" and values.dtype == np.uint16:
        return values, meant
    if values.dtype.name not in DTYPES:
        raise _refusal(pa, name, array.type)
    return values, values.dtype.name


def _refusal(pa: Any, name: str, kind: Any) -> UnsupportedError:
    types = pa.types
    if types.is_timestamp(kind) or types.is_time64(kind) or types.is_duration(kind) \
            or types.is_date64(kind):  # fmt: skip
        what_to_do = "cast it to a number first: column.cast(pyarrow.int64())"
    elif types.is_date32(kind) or types.is_time32(kind):
        what_to_do = "cast it to a number first: column.cast(pyarrow.int32())"
    elif types.is_decimal(kind):
        what_to_do = "cast it to float64 or to text first: column.cast(pyarrow.float64())"
    elif types.is_struct(kind):
        what_to_do = "write each of its fields as a column of its own: table.flatten()"
    elif types.is_map(kind):
        what_to_do = "write its keys and its items as two columns"
    elif types.is_union(kind):
        what_to_do = "write a column for each of its types"
    elif types.is_null(kind):
        what_to_do = "it has no values at all: leave it out, or cast it to a type"
    else:
        what_to_do = "cast it to numbers, text or bytes first"
    return UnsupportedError(
        f"column {name!r} is of the Arrow type {kind}, which columns cannot hold",
        advice=advice.in_a_transform(what_to_do),
        column=name,
    )


def _sized_rows(field: Field, array: Any) -> ColumnRows:
    _, offsets_buffer, data = array.buffers()
    wide = str(array.type).startswith("large")
    dtype = np.int64 if wide else np.int32
    if len(array) == 0:
        return ColumnRows(field, 0, np.empty(0, np.uint8), np.zeros(1, np.int64))
    offsets = np.frombuffer(offsets_buffer, dtype)[array.offset : array.offset + len(array) + 1]
    values = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return ColumnRows(field, len(array), values, offsets)


def _list_rows(pa: Any, name: str, array: Any, metadata: dict[str, str]) -> ColumnRows:
    offsets = np.asarray(array.offsets.to_numpy())
    used = slice(int(offsets[0]), int(offsets[-1]))
    items = plain(pa, name, array.values.slice(used.start, used.stop - used.start))
    offsets = offsets - offsets[0] if used.start else offsets
    if items.null_count:
        raise InvalidError(
            f"column {name!r} has {items.null_count} null elements within its rows; fill them "
            "before they are written",
            column=name,
        )
    if pa.types.is_struct(items.type):
        names = [field.name for field in items.type]
        if sorted(names) != ["indices", "values"]:
            raise UnsupportedError(
                f"column {name!r} holds lists of structures with the fields {', '.join(names)}; "
                "write each as a column of its own (only indices and values are a sparse column)",
                column=name,
            )
        parts = dict(zip(names, items.flatten(), strict=True))
        values, dtype = _tensor(pa, name, plain(pa, name, parts["values"]), metadata)
        indices = _indices(pa, name, parts["indices"])
        field = _csr_field(name, dtype, indices, metadata, binary=False)
        return ColumnRows(field, len(array), values, offsets, indices=indices)
    if WIDTH in metadata and pa.types.is_integer(items.type):
        indices = _indices(pa, name, items)
        field = _csr_field(name, "uint8", indices, metadata, binary=True)
        return ColumnRows(field, len(array), None, offsets, indices=indices)
    if not (pa.types.is_fixed_size_list(items.type) or _is_number(pa, items.type)):
        raise UnsupportedError(
            f"column {name!r} holds lists of {items.type}; lists hold numbers: write a row for "
            "each element, or join them",
            column=name,
        )
    values, dtype = _tensor(pa, name, items, metadata)
    field = Field(name, dtype, values.shape[1:], kind="ragged")
    return ColumnRows(field, len(array), values, offsets)


def _is_number(pa: Any, kind: Any) -> bool:
    types = pa.types
    return bool(types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind))


def _indices(pa: Any, name: str, array: Any) -> NDArray[Any]:
    if array.null_count or not pa.types.is_integer(array.type):
        raise InvalidError(
            f"column {name!r}: the indices of a sparse column are integers without nulls, not "
            f"{array.type} with {array.null_count} nulls",
            column=name,
        )
    indices = np.asarray(array.to_numpy())
    if indices.dtype.name in ("uint16", "int32", "int64"):
        return indices
    if indices.dtype == np.uint64 and indices.size and int(indices.max()) >= 2**63:
        raise InvalidError(f"column {name!r} has an index of 2**63 or more", column=name)
    return indices.astype(np.int32 if indices.dtype.itemsize < 4 else np.int64)


def _csr_field(
    name: str, dtype: str, indices: NDArray[Any], metadata: dict[str, str], *, binary: bool
) -> Field:
    """Returns the field of a sparse column, as wide as it says or as its indices need."""
    needed = int(indices.max()) + 1 if indices.size else 1
    said = metadata.get(WIDTH, str(needed))
    is_number = said.isascii() and said.isdigit() and len(said) < 20
    if not is_number or not 0 < int(said) < 2**63:
        raise InvalidError(
            f"column {name!r} has the width {said[:30]!r} in its field's metadata ({WIDTH}), and a "
            f"width is a whole number from 1 on; correct it, or drop it: its indices need {needed}",
            column=name,
        )
    return Field(
        name, dtype, kind="csr", index_dtype=indices.dtype.name, width=int(said), binary=binary
    )

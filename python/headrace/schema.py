"""What the columns of a dataset are: names, dtypes and row shapes."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

from headrace import layouts
from headrace.errors import InvalidError

Kind = Literal["tensor", "ragged", "bytes", "text", "csr"]
CoreField: TypeAlias = tuple[str, str, tuple[int, ...], str, str, int, bool]


@dataclass(frozen=True)
class Field:
    """One column of a schema.

    Attributes:
        name: The column's name; "0", "1", ... for positional columns.
        dtype: The name of the element type, for example "float32".
        row_shape: The shape of one row, or of one element of a ragged row; () for one number.
        kind: "tensor", or what a row of another length is: "ragged", "bytes", "text" or "csr".
        index_dtype: The dtype of the indices of csr.
        width: How many columns a csr row has when it is expanded.
        binary: Whether csr has no values, only indices.
        layout: What rows and batches show of the column, where that is not how it is stored: see
            `Dataset.with_layout`. The other attributes are then those of what is shown.

    Example:
        >>> Field("x", "float32", (28, 28)), Field("t", "uint8", kind="text")
        (x: float32[28, 28], t: text)
        >>> Field("w", "float32", kind="csr", width=30000)
        w: csr float32[30000]
    """

    name: str
    dtype: str
    row_shape: tuple[int, ...] = ()
    kind: Kind = "tensor"
    index_dtype: str = "int64"
    width: int = 0
    binary: bool = False
    layout: layouts.Layout | None = None

    @classmethod
    def from_core(cls, values: CoreField, layout: Mapping[str, object] | None = None) -> Field:
        """Makes the field of what the core says of a column, and of its layout."""
        name, dtype, shape, kind, index_dtype, width, binary = values
        return cls(
            *(name, dtype, tuple(shape), cast(Kind, kind), index_dtype, width, binary),
            layout=layouts.from_core(layout),
        )

    def to_core(self) -> CoreField:
        """Returns the field without its layout, as the core takes it."""
        return (
            *(self.name, self.dtype, self.row_shape, self.kind),
            *(self.index_dtype, self.width, self.binary),
        )

    @property
    def is_tensor(self) -> bool:
        """Whether every row has the same shape."""
        return self.kind == "tensor"

    def __repr__(self) -> str:
        return (
            f"{self._without_layout()} as {self.layout.kind}"
            if self.layout
            else self._without_layout()
        )

    def _without_layout(self) -> str:
        if self.kind in ("bytes", "text"):
            return f"{self.name}: {self.kind}"
        if self.kind == "csr":
            return f"{self.name}: csr {'binary' if self.binary else self.dtype}[{self.width}]"
        shape = f"[{', '.join(map(str, self.row_shape))}]" if self.row_shape else ""
        return f"{self.name}: {'' if self.is_tensor else 'ragged '}{self.dtype}{shape}"


class Schema(Mapping[str, Field]):
    """The columns of a dataset in their order: an immutable mapping from names to fields.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.zeros((3, 2), np.float32), y=np.arange(3))
        >>> ds.schema
        Schema(x: float32[2], y: int64)
        >>> ds.schema["x"].row_shape
        (2,)
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = {field.name: field for field in fields}

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __hash__(self) -> int:
        return hash(tuple(self._fields.values()))

    def __repr__(self) -> str:
        return f"Schema({', '.join(map(repr, self._fields.values()))})"

    def position(self, name: object) -> int:
        """Returns the position of column `name`; raises InvalidError that lists what exists."""
        if not isinstance(name, str):
            raise InvalidError(f"a column is named by a str, not by {name!r}; {self._known()}")
        if name not in self._fields:
            close = difflib.get_close_matches(name, self._fields, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise InvalidError(f"there is no column {name!r}; {self._known()}.{hint}", column=name)
        return list(self._fields).index(name)

    def _known(self) -> str:
        return f"the columns are {', '.join(map(repr, self._fields))}"

    def digest(self) -> str:
        """Returns a hash of the schema as 16 hexadecimal digits, equal on every machine."""
        text = json.dumps([_digested(field) for field in self._fields.values()])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _digested(field: Field) -> list[object]:
    if field.layout is not None:
        return [*field.to_core(), field.layout.to_core()]
    # Of a tensor only what it had before there were other kinds: old states stay valid.
    return (
        [field.name, field.dtype, list(field.row_shape)]
        if field.is_tensor
        else list(field.to_core())
    )

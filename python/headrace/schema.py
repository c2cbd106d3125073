"""What the columns of a dataset are: names, dtypes and row shapes."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from headrace.errors import InvalidError


@dataclass(frozen=True)
class Field:
    """One column of a schema.

    Attributes:
        name: The column's name; "0", "1", ... for positional columns.
        dtype: The name of the element type, for example "float32".
        row_shape: The shape of one row; () for one number per row.

    Example:
        >>> Field("x", "float32", (28, 28))
        x: float32[28, 28]
    """

    name: str
    dtype: str
    row_shape: tuple[int, ...]

    def __repr__(self) -> str:
        shape = f"[{', '.join(map(str, self.row_shape))}]" if self.row_shape else ""
        return f"{self.name}: {self.dtype}{shape}"


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
        text = json.dumps([[f.name, f.dtype, list(f.row_shape)] for f in self._fields.values()])
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

"""Layouts: what a sparse, ragged, bytes or text column becomes in rows and batches.

A layout belongs to the dataset (`Dataset.with_layout`), so that ``ds[i]`` and the loader agree. The
core takes one as the dict that `to_core` makes, and hands it back with what it resolved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from headrace import checks, dtypes, torch_bridge
from headrace.errors import InvalidError, UnsupportedError

CoreLayout: TypeAlias = dict[str, Any]
LayoutName: TypeAlias = Literal["dense", "csr", "coo", "padded", "jagged"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Layout:
    """What all layouts have; use `Dense`, `Csr`, `Coo`, `Padded` or `Jagged`.

    Attributes:
        dtype: Of the elements of batches. None keeps the stored dtype; for csr without values
            (binary) it is then float32.
    """

    kind: ClassVar[str]

    dtype: Any = None

    def __post_init__(self) -> None:
        if self.dtype is not None:
            name = type(self).__name__
            try:
                self._set("dtype", dtypes.dtype_name(self.dtype, column=name))
            except UnsupportedError as error:
                raise error.not_of_a_column(f"hr.{name}(dtype=)") from None

    def to_core(self) -> CoreLayout:
        """Returns the layout as the core takes it."""
        return {"kind": self.kind, **{f.name: getattr(self, f.name) for f in fields(self)}}

    def __repr__(self) -> str:
        """Shows what differs from the defaults, and of a long selection how many columns."""
        shown = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            long = isinstance(value, tuple) and len(value) > 8
            shown.append(f"{field.name}={f'<{len(value)} columns>' if long else repr(value)}")
        return f"headrace.{type(self).__name__}({', '.join(shown)})"

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)  # the way to normalise a frozen dataclass


@dataclass(frozen=True, kw_only=True, repr=False)
class _Sparse(Layout):
    """The options of layouts of csr, applied in this order while a batch is made.

    1. `binary`: every stored entry becomes 1; otherwise entries are cast to `dtype`.
    2. `total`: each row is multiplied so that it sums to this; rows that sum to 0 stay.
    3. `scale`: every entry is multiplied by it.
    4. `log1p`: every entry x becomes log(1 + x).
    5. `columns`: only these columns are kept, renumbered in the order of this list.
    """

    columns: Any = None
    binary: bool = False
    total: float | None = None
    scale: float = 1.0
    log1p: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.columns is not None:
            self._set("columns", _column_numbers(self.columns))
        for option in ("binary", "log1p"):
            self._set(option, checks.check_bool(option, getattr(self, option)))
        self._set("scale", _finite("scale", self.scale))
        if self.total is not None:
            self._set("total", _finite("total", self.total))
            if self.total <= 0:
                raise InvalidError(f"total is what each row sums to, above 0, not {self.total}")


@dataclass(frozen=True, kw_only=True, repr=False)
class Dense(_Sparse):
    """Rows of csr as rows of a dense tensor, ``(batch, columns)``.

    An index that a row repeats has its values summed, as scipy does; with `binary`, and for csr
    without values, it is set to 1.

    Args:
        dtype: Of the tensor. Options other than `columns` and `binary` need a float dtype.
        columns: Numbers of the columns to keep, each once; their order is that of the tensor.
        binary: Whether every stored entry becomes 1.
        total: What each row is made to sum to, over all its stored columns.
        scale: A factor for every entry.
        log1p: Whether every entry x becomes log(1 + x), after `total` and `scale`.

    Example:
        >>> import numpy as np, headrace as hr
        >>> hr.Dense(columns=[7, 2], log1p=True)
        headrace.Dense(columns=(7, 2), log1p=True)
    """

    kind: ClassVar[str] = "dense"

    dtype: Any = "float32"


@dataclass(frozen=True, kw_only=True, repr=False)
class Csr(_Sparse):
    """Rows of csr as a sparse tensor in CSR layout; the options are those of `Dense`.

    Of torch a ``torch.sparse_csr_tensor``, of numpy a ``scipy.sparse.csr_array``. Indices stay
    in their stored order, repeats included.
    """

    kind: ClassVar[str] = "csr"


@dataclass(frozen=True, kw_only=True, repr=False)
class Coo(_Sparse):
    """Rows of csr as a sparse tensor in COO layout; the options are those of `Dense`.

    Of torch a ``torch.sparse_coo_tensor``, of numpy a ``scipy.sparse.coo_array``.
    """

    kind: ClassVar[str] = "coo"


def multi_hot(layout: Layout, *, columns: int, pad: int | None) -> CoreLayout:
    """Returns a layout of rows of indices for the core; `pad` is an index that stands for none."""
    options = layout.to_core()
    options["width"] = checks.check_int("columns", columns, low=1, high=checks.MAX_INT64)
    if pad is not None:
        pad = checks.check_int("pad", pad, low=-checks.MAX_INT64 - 1, high=checks.MAX_INT64)
    options["pad"] = pad
    return options


@dataclass(frozen=True, kw_only=True, repr=False)
class Padded(Layout):
    """Ragged rows, bytes or text as one tensor, filled up to a common length.

    A batch is a pair: ``(values, lengths)``, or ``(values, mask)`` where `mask` is True wherever
    a row has an element. Bytes and text become uint8.

    Args:
        max_length: The length; None takes the longest row of each batch.
        fill: What stands where a row has no element.
        side: Where it stands: "right" or "left" of the row.
        truncate: Whether longer rows lose their end; otherwise they are an error.
        mask: Whether the second part is a mask in place of lengths.
        dtype: Of the values; None keeps the stored dtype.

    Example:
        >>> import headrace as hr
        >>> hr.Padded(max_length=512, fill=-1, truncate=True)
        headrace.Padded(max_length=512, fill=-1, truncate=True)
    """

    kind: ClassVar[str] = "padded"

    max_length: int | None = None
    fill: float = 0
    side: Literal["left", "right"] = "right"
    truncate: bool = False
    mask: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_length is not None:
            length = checks.check_int("max_length", self.max_length, low=1, high=checks.MAX_INT64)
            self._set("max_length", length)
        if not isinstance(self.fill, (bool, int, float, np.bool_, np.integer, np.floating)):
            raise InvalidError(f"fill is a number, not {self.fill!r}")
        self._set("fill", np.asarray(self.fill).item())
        if self.side not in ("left", "right"):
            raise InvalidError(f'side is "left" or "right", not {self.side!r}')
        for option in ("truncate", "mask"):
            self._set(option, checks.check_bool(option, getattr(self, option)))
        if self.truncate and self.max_length is None:
            raise InvalidError("truncate=True needs max_length=, the length to cut rows to")


@dataclass(frozen=True, kw_only=True, repr=False)
class Jagged(Layout):
    """Rows of any length as all their elements and where each row begins.

    Args:
        nested: Of torch, whether a batch is a nested tensor (``torch.nested``, layout jagged), as
            attention takes it; otherwise it is the pair ``(values, offsets)``, and of csr
            ``(indices, offsets, weights)``, as ``torch.nn.EmbeddingBag`` takes them with
            ``include_last_offset=True``. Of csr, and of numpy, it is never nested.
        dtype: Of the values; None keeps the stored dtype.

    Example:
        >>> import headrace as hr
        >>> hr.Jagged(nested=False)
        headrace.Jagged(nested=False)
    """

    kind: ClassVar[str] = "jagged"

    nested: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("nested", checks.check_bool("nested", self.nested))


_KINDS: dict[str, type[Layout]] = {kind.kind: kind for kind in (Dense, Csr, Coo, Padded, Jagged)}


def as_layout(name: str, given: object) -> Layout | None:
    """Returns what was given as the layout of column `name`: a layout, its name, or None.

    Example:
        >>> as_layout("x", "dense")
        headrace.Dense()
    """
    if given is None or (isinstance(given, Layout) and type(given) in _KINDS.values()):
        return given
    if isinstance(given, str) and given in _KINDS:
        return _KINDS[given]()
    if isinstance(given, type) and given in _KINDS.values():
        raise InvalidError(
            f"column {name!r}: the layout is the class {given.__name__}; call it: "
            f"hr.{given.__name__}()",
            column=name,
        )
    raise InvalidError(
        f"column {name!r}: {given!r} is no layout; layouts are "
        f"{', '.join(map(repr, _KINDS))}, hr.Dense(...), hr.Csr(...), hr.Coo(...), "
        "hr.Padded(...), hr.Jagged(...), and None for rows as they are stored",
        column=name,
    )


def from_core(options: Mapping[str, Any] | None) -> Layout | None:
    """Returns the layout that the core has for a column; None for rows as they are stored."""
    if options is None:
        return None
    kind = _KINDS[options["kind"]]
    known = {f.name for f in fields(kind)}
    return replace(kind(), **{name: value for name, value in options.items() if name in known})


def _column_numbers(given: object) -> tuple[int, ...]:
    array = np.asarray(given.numpy() if torch_bridge.is_tensor(given) else given)
    if array.dtype == np.bool_:
        raise InvalidError(
            "columns= is a list of column numbers, not a mask; pass np.flatnonzero(mask)"
        )
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        raise InvalidError(
            "columns= is a list or array of column numbers, at least one; found "
            f"{array.dtype} of shape {array.shape}"
        )
    if int(array.min()) < 0:
        raise InvalidError(f"columns= has {array.min()}; columns are numbered from 0")
    numbers, counts = np.unique(array, return_counts=True)
    if len(numbers) < len(array):
        raise InvalidError(
            f"columns= has {numbers[counts > 1][0]} more than once; name each column once"
        )
    return tuple(array.tolist())


def _finite(name: str, value: object) -> float:
    if isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool):
        number = float(value)
        if math.isfinite(number):
            return number
    raise InvalidError(f"{name} is a finite number, not {value!r}")

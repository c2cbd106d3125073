"""Datasets made of several datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from headrace import _core, checks, recipe
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.schema import Schema


def concat(
    datasets: Iterable[Dataset], *, columns: int | Mapping[str, int] | None = None
) -> Dataset:
    """Returns the rows of several datasets one after the other, without copying.

    All must have the same columns: names, dtypes and row shapes, and equal layouts. Indices of csr
    may differ in dtype; the widest is taken.

    Args:
        datasets: At least one dataset.
        columns: How many columns csr has in all of them: a number for every csr column, or numbers
            by name. Without it csr of different widths is an error, since nobody may have meant it.

    Example:
        >>> import numpy as np, headrace as hr
        >>> parts = [hr.from_arrays(np.arange(3)), hr.from_arrays(np.arange(3, 5))]
        >>> hr.concat(parts)["0"][:].tolist()
        [0, 1, 2, 3, 4]
        >>> narrow = hr.from_arrays(x=hr.csr([[0], [1]], columns=2))
        >>> wide = hr.from_arrays(x=hr.csr([[3]], columns=4))
        >>> hr.concat([narrow, wide], columns=4).schema
        Schema(x: csr binary[4])
    """
    parts = _checked("concat", datasets)
    first = parts[0]
    widths = [] if columns is None else _widths(first.schema, columns)
    wanted = _aligned(first.schema, widths)
    for position, part in enumerate(parts):
        found = _aligned(part.schema, widths)
        if found != wanted or list(found) != list(wanted):
            raise _unequal(position, wanted, found)
        if part._as_tuple != first._as_tuple:
            raise InvalidError(
                "concat cannot join tuple rows and dict rows; make all datasets with positional "
                "columns or all with named ones"
            )
    made = recipe.concat([part._made for part in parts], widths)
    return Dataset(made, as_tuple=first._as_tuple)


def _widths(schema: Schema, given: int | Mapping[str, int]) -> list[int]:
    """Returns the width that each column is to get, 0 where it keeps its own."""
    sparse = [name for name, field in schema.items() if field.kind == "csr"]
    named = given if isinstance(given, Mapping) else dict.fromkeys(sparse, given)
    if not named:
        raise InvalidError(f"columns={given!r}: no column is csr; the datasets have {schema}")
    for name in named:
        if list(schema.values())[schema.position(name)].kind != "csr":
            raise InvalidError(
                f"columns= names {name!r}, and {schema[name]!r} is no csr column", column=name
            )
    return [
        checks.check_int("columns", named[name], low=1, high=checks.MAX_INT64)
        if name in named
        else 0
        for name in schema
    ]


def _aligned(schema: Schema, widths: Sequence[int]) -> Schema:
    """Returns the schema as the core makes it: csr of the given widths, with one index dtype."""
    fields = []
    for k, field in enumerate(schema.values()):
        width = widths[k] if widths and widths[k] else field.width
        plain = field.kind == "csr" and field.layout is None
        index = "int64" if plain else field.index_dtype
        fields.append(replace(field, width=width, index_dtype=index))
    return Schema(fields)


def _unequal(position: int, wanted: Schema, found: Schema) -> InvalidError:
    pairs = [(wanted[name], found[name]) for name in wanted if name in found]
    advice = "use cast or select_columns first"
    for one, other in pairs:
        if one != other and one.kind == other.kind == "csr":
            if one.index_dtype != other.index_dtype:
                advice = (
                    f"the indices of {one.name!r} are {one.index_dtype} and {other.index_dtype}; "
                    "choose layouts after concat"
                )
            elif replace(one, width=other.width) == other:
                width = max(one.width, other.width)
                advice = f"if the same columns of csr are meant, pass columns={width}"
    return InvalidError(
        f"concat needs equal columns; dataset 0 has {wanted} and dataset {position} has {found}: "
        f"{advice}"
    )


def zip(datasets: Iterable[Dataset]) -> Dataset:
    """Returns the columns of several datasets of equally many rows side by side.

    Positional columns are renumbered from "0"; names of named columns must not repeat.

    Example:
        >>> import numpy as np, headrace as hr
        >>> x, y = hr.from_arrays(x=np.zeros((3, 2))), hr.from_arrays(y=np.arange(3))
        >>> hr.zip([x, y]).schema
        Schema(x: float64[2], y: int64)
    """
    parts = _checked("zip", datasets)
    as_tuple = parts[0]._as_tuple
    ready, names = [], set[str]()
    for position, part in enumerate(parts):
        if len(part) != len(parts[0]):
            raise InvalidError(
                f"zip needs equally many rows; dataset 0 has {len(parts[0])} and dataset "
                f"{position} has {len(part)}"
            )
        if part._as_tuple != as_tuple:
            raise InvalidError(
                "zip cannot join tuple rows and dict rows; make all datasets with positional "
                "columns or all with named ones"
            )
        made, own = part._made, list(part.schema)
        if as_tuple:
            own = [str(len(names) + index) for index in range(len(own))]
            made = made.view(_core.Dataset.rename, own)
        repeated = sorted(names.intersection(own))
        if repeated:
            raise InvalidError(
                f"zip: dataset {position} has a column {repeated[0]!r} again; select the columns "
                "that you want with select_columns first",
                column=repeated[0],
            )
        names.update(own)
        ready.append(made)
    return Dataset(recipe.zip_columns(ready), as_tuple=as_tuple)


def _checked(name: str, datasets: Iterable[Dataset]) -> list[Dataset]:
    if isinstance(datasets, Dataset) or not isinstance(datasets, Iterable):
        raise InvalidError(f"{name} takes a list of datasets: hr.{name}([a, b])")
    parts = list(datasets)
    if not parts:
        raise InvalidError(f"{name} got an empty list; give at least one dataset")
    for position, part in enumerate(parts):
        if not isinstance(part, Dataset):
            raise InvalidError(
                f"{name}: item {position} is a {type(part).__name__}, not a headrace Dataset"
            )
    return parts

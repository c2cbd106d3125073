"""Datasets made of several datasets."""

from __future__ import annotations

from collections.abc import Iterable

from headrace import _core, recipe
from headrace.dataset import Dataset
from headrace.errors import InvalidError


def concat(datasets: Iterable[Dataset]) -> Dataset:
    """Returns the rows of several datasets one after the other, without copying.

    All must have the same columns: names, dtypes and row shapes.

    Example:
        >>> import numpy as np, headrace as hr
        >>> parts = [hr.from_arrays(np.arange(3)), hr.from_arrays(np.arange(3, 5))]
        >>> hr.concat(parts)["0"][:].tolist()
        [0, 1, 2, 3, 4]
    """
    parts = _checked("concat", datasets)
    first = parts[0]
    for position, part in enumerate(parts):
        if part.schema != first.schema or list(part.schema) != list(first.schema):
            raise InvalidError(
                f"concat needs equal columns; dataset 0 has {first.schema} and dataset {position} "
                f"has {part.schema}: use cast or select_columns first"
            )
        if part._as_tuple != first._as_tuple:
            raise InvalidError(
                "concat cannot join tuple rows and dict rows; make all datasets with positional "
                "columns or all with named ones"
            )
    made = recipe.concat([part._made for part in parts])
    return Dataset(made, as_tuple=first._as_tuple)


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

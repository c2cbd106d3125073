"""How datasets were made, kept so that another process can make them again.

1. Sources and views are made by `from_arrays`, `from_files`, `concat`, `zip_columns`, `Made.view`
   and `Made.views`, which call the core and keep the call: the method's name, its arguments, and
   the recipes of the datasets that it was given. Nothing else is needed to give a view a pickle.
2. `steps` lists these calls, sources first. It is a list because chains of views are deeper than
   Python's recursion; and sources and arrays in it are objects, which a pickle holds once although
   several datasets share them. Arrays of columns that later calls drop are left out.
3. `replay` makes the calls again. Files must still have their size, dtype and row shape.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol

from headrace import _core, held_arrays, torch_bridge
from headrace.errors import (
    InvalidError,
    IoError,
    NotFoundError,
    TruncatedError,
    UnsupportedError,
)
from headrace.held_arrays import HeldArray, HeldBfloat16, HeldRows
from headrace.schema import CoreField

_P = ParamSpec("_P")
# Views whose columns are those of each of their datasets, in the same places.
_KEEP_COLUMNS = frozenset(
    {
        "cast",
        "concat",
        "map_values",
        "rename",
        "slice",
        "split",
        "split_by_file",
        "subset",
        "with_layout",
    }
)

# Views whose rows are those of their dataset, one for one and in its order.
_KEEP_ROWS = frozenset({"cast", "map_values", "rename", "select", "stack", "with_layout"})

_FROM_DIRECTORY = _core.Dataset.from_directory.__name__
_FROM_STORE = "from_store"


class StoredElsewhere(Protocol):
    """What another process needs to open a dataset in a store. Picklable."""

    @property
    def url(self) -> str:
        """Where it is."""

    @property
    def version(self) -> int | None:
        """Its version; None for what has none."""

    def open(self) -> _core.Dataset:
        """Returns its rows."""

    def at(self, version: int) -> StoredElsewhere:
        """Returns the same place at another version."""

    def versions(self) -> Any:
        """Returns its versions, as `_core.Directory` does those of a directory; None without."""


class Recipe:
    """One call of the core: its method, its datasets' recipes, its other arguments.

    Arrays among the arguments are held as the core holds them: see `HeldArray`.
    """

    __slots__ = ("arguments", "files", "item", "make", "parts")

    def __init__(
        self,
        make: str,
        parts: tuple[Recipe, ...],
        arguments: tuple[Any, ...],
        *,
        item: int | None = None,
        files: _Files | None = None,
    ) -> None:
        self.make = make
        self.parts = parts
        self.arguments = arguments
        self.item = item  # which of several datasets that the call returned
        self.files = files

    def __reduce__(self) -> tuple[Any, ...]:
        """Sources only; the pickled list of steps holds the others as plain tuples."""
        return _make_source, (self.make, self.arguments, self.files)


class Made(NamedTuple):
    """A dataset of the core, and how it was made."""

    core: _core.Dataset
    recipe: Recipe

    def view(
        self,
        make: Callable[Concatenate[_core.Dataset, _P], _core.Dataset],
        *arguments: _P.args,
        **none: _P.kwargs,
    ) -> Made:
        """Returns ``make(core, *arguments)``, where `make` is a method of the core's Dataset."""
        assert not none, "a recipe keeps positional arguments"
        core = make(self.core, *arguments, **none)
        return Made(core, Recipe(make.__name__, (self.recipe,), held_arrays.hold_all(arguments)))

    def views(
        self,
        make: Callable[Concatenate[_core.Dataset, _P], list[_core.Dataset]],
        *arguments: _P.args,
        **none: _P.kwargs,
    ) -> list[Made]:
        """Returns the views of a method that makes several at once."""
        assert not none, "a recipe keeps positional arguments"
        cores = make(self.core, *arguments, **none)
        name, parts, held = make.__name__, (self.recipe,), held_arrays.hold_all(arguments)
        return [Made(core, Recipe(name, parts, held, item=k)) for k, core in enumerate(cores)]


def concat(parts: Sequence[Made], widths: Sequence[int] = ()) -> Made:
    """Returns the rows of datasets with equal columns, one after the other.

    Args:
        parts: The datasets.
        widths: Empty, or for each column the width that csr gets, 0 for the others.
    """
    core = _core.Dataset.concat([part.core for part in parts], list(widths))
    return Made(core, Recipe("concat", tuple(part.recipe for part in parts), tuple(widths)))


def zip_columns(parts: Sequence[Made]) -> Made:
    """Returns the columns of datasets with equally many rows, side by side."""
    core = _core.Dataset.zip([part.core for part in parts])
    widths = [len(part.core.columns) for part in parts]
    return Made(core, Recipe("zip", tuple(part.recipe for part in parts), (widths,)))


def from_arrays(names: list[str], arrays: Sequence[Any]) -> Made:
    """Returns the dataset of arrays, CPU tensors and `GivenRows`."""
    # A numpy view of a tensor's memory: torch would pickle a tensor by moving its memory elsewhere.
    plain = [torch_bridge.to_numpy(x) if torch_bridge.is_tensor(x) else x for x in arrays]
    core = _core.Dataset.from_arrays(names, plain)
    return Made(core, Recipe("from_arrays", (), (names, list(held_arrays.hold_all(plain)))))


def from_files(
    make: Callable[_P, _core.Dataset],
    sizes: Mapping[str, int],
    *arguments: _P.args,
    **none: _P.kwargs,
) -> Made:
    """Returns ``make(*arguments)``, a source of the core; `sizes` are those of its files by path.

    Of a directory, whose files never change, there are none.
    """
    assert not none, "a recipe keeps positional arguments"
    core = make(*arguments, **none)
    files = _Files(dict(sizes), core.rows, core.columns)
    return Made(core, Recipe(make.__name__, (), arguments, files=files))


def from_store(core: _core.Dataset, place: StoredElsewhere) -> Made:
    """Returns what ``place.open()`` has returned, with how it was made."""
    files = _Files({}, core.rows, core.columns)
    return Made(core, Recipe(_FROM_STORE, (), (place,), files=files))


def steps(recipe: Recipe) -> list[Any]:
    """Returns the calls behind `recipe`, each after those that it needs, as `replay` takes them."""
    number: dict[Recipe, int] = {}
    waiting = [recipe]
    while waiting:
        node = waiting[-1]
        missing = [part for part in node.parts if part not in number]
        if not missing:
            number.setdefault(node, len(number))
            waiting.pop()
        waiting.extend(reversed(missing))
    wanted = _wanted_columns(list(number))
    return [
        (node.make, [number[part] for part in node.parts], node.arguments, node.item)
        if node.parts
        else _with_columns(node, wanted[node])
        for node in number
    ]


def directory_version(recipe: Recipe) -> int | None:
    """Returns the version of the directory behind `recipe`; None if there are others, or no file.

    Arrays joined to its rows, such as encoded labels, do not count.
    """
    found: set[tuple[str, int | None] | None] = set()
    seen, waiting = {recipe}, [recipe]
    while waiting:
        node = waiting.pop()
        if node.files is not None:
            found.add(_version_of(node))
        waiting.extend(part for part in node.parts if part not in seen)
        seen.update(node.parts)
    (only,) = found if len(found) == 1 else (None,)
    return None if only is None else only[1]


def _version_of(source: Recipe) -> tuple[str, int | None] | None:
    """Returns where the dataset of a source is, and its version; None for files."""
    if source.make == _FROM_STORE:
        (place,) = source.arguments
        return place.url, place.version
    root, version, *_ = source.arguments
    return (root, version) if source.make == _FROM_DIRECTORY else None


def versions_of_all_rows(recipe: Recipe) -> Any:
    """Returns the versions of the dataset whose rows `recipe` shows, all and in their order.

    They are those of a directory, or of a store; None for other rows.
    """
    source, *views = steps(recipe)
    if any(isinstance(view, Recipe) or view[0] not in _KEEP_ROWS for view in views):
        return None
    if not isinstance(source, Recipe) or source.make not in (_FROM_DIRECTORY, _FROM_STORE):
        return None
    (where, *_) = source.arguments
    return where.versions() if source.make == _FROM_STORE else _core.Directory(where)


def at_version(recipe: Recipe, version: int) -> Made:
    """Returns the same columns of another version of the dataset.

    Requires:
        versions_of_all_rows() finds it.
    """
    source, *views = steps(recipe)
    if source.make == _FROM_STORE:
        place = source.arguments[0].at(version)
        made = from_store(place.open(), place)
    else:
        root, _, *others = source.arguments
        made = from_files(_method(source.make), {}, root, version, *others)
    return replay([made, *views])


def held(calls: Sequence[Any]) -> set[HeldArray | HeldBfloat16]:
    """Returns the arrays whose values a pickle of `calls` holds."""
    found: set[HeldArray | HeldBfloat16] = set()
    for call in calls:
        arguments = call.arguments if isinstance(call, Recipe) else call[2]
        for value in arguments:
            for array in value if isinstance(value, list) else [value]:
                if isinstance(array, HeldRows):
                    found.update(array.arrays)
                elif isinstance(array, HeldArray | HeldBfloat16):
                    found.add(array)
    return found


def replay(calls: Sequence[Any]) -> Made:
    """Makes the calls of an unpickled list; returns the dataset of the last.

    Raises:
        NotFoundError: If a file is gone.
        TruncatedError: If a file is shorter than it was.
        InvalidError: If a file has another size, dtype or row shape.
        UnsupportedError: If this version lacks a view.
    """
    made: list[Made] = []
    for call in calls:
        if isinstance(call, Made):
            made.append(call)
            continue
        name, numbers, arguments, item = call
        parts = [made[number] for number in numbers]
        if name in _JOINS:
            made.append(_JOINS[name](parts, arguments))
            continue
        make = _method(name)
        if item is None:
            made.append(parts[0].view(make, *arguments))
        else:
            made.append(parts[0].views(make, *arguments)[item])
    return made[-1]


_JOINS: dict[str, Callable[[list[Made], tuple[Any, ...]], Made]] = {
    "concat": concat,
    "zip": lambda parts, _: zip_columns(parts),
}


# Which columns of a dataset are wanted; None for all.
_Columns = set[int] | None


def _wanted_columns(nodes: list[Recipe]) -> dict[Recipe, _Columns]:
    """Returns which columns of each node the last one shows; parts stand before what uses them."""
    wanted: dict[Recipe, _Columns] = {nodes[-1]: None}
    for node in reversed(nodes):
        for part, columns in zip(node.parts, _columns_of_parts(node, wanted[node]), strict=True):
            known = wanted.get(part, set())
            wanted[part] = None if columns is None or known is None else known | columns
    return wanted


def _columns_of_parts(node: Recipe, wanted: _Columns) -> list[_Columns]:
    if node.make == "select":
        (chosen,) = node.arguments
        return [{chosen[k] for k in (range(len(chosen)) if wanted is None else wanted)}]
    if wanted is None:
        return [None] * len(node.parts)
    if node.make in _KEEP_COLUMNS:
        return [wanted] * len(node.parts)
    if node.make == "zip":
        (widths,) = node.arguments
        ends = list(itertools.accumulate(widths))
        return [
            {column - end + width for column in wanted if end - width <= column < end}
            for width, end in zip(widths, ends, strict=True)
        ]
    return [None] * len(node.parts)


def _with_columns(source: Recipe, wanted: _Columns) -> Recipe:
    if wanted is None or source.files is not None:
        return source
    names, arrays = source.arguments
    kept = [x if k in wanted else x.without_values() for k, x in enumerate(arrays)]
    return source if kept == arrays else Recipe(source.make, (), (names, kept))


def _method(name: str) -> Any:
    method = getattr(_core.Dataset, name, None)
    if method is None:
        raise UnsupportedError(
            f"the pickled dataset has a view {name!r}, which this version of headrace does not "
            "know; unpickle it with the version that pickled it"
        )
    return method


class _Files(NamedTuple):
    """What the files of a source were when it was made."""

    sizes: dict[str, int]
    rows: int
    columns: list[CoreField]


def _make_source(make: str, arguments: tuple[Any, ...], files: _Files | None) -> Made:
    """Unpickles a source."""
    if files is None:
        return from_arrays(*arguments)
    _check_sizes(files.sizes)
    if make == _FROM_STORE:
        (place,) = arguments
        made = from_store(place.open(), place)
    else:
        made = from_files(_method(make), files.sizes, *arguments)
    if (made.core.rows, made.core.columns) != (files.rows, files.columns):
        # A directory, or a place, has no sizes here, and is the first argument.
        first = next(iter(files.sizes), str(arguments[0]))
        raise InvalidError(
            f"the files of the pickled dataset have changed; {first!r} and the others now "
            f"have {made.core.rows} rows of {made.core.columns}, and had {files.rows} of "
            f"{files.columns}: make the dataset anew",
            file=first,
        )
    return made


def _check_sizes(sizes: Mapping[str, int]) -> None:
    for path, size in sizes.items():
        try:
            found = os.stat(path).st_size
        except FileNotFoundError as error:
            message = f"{path!r} of the pickled dataset does not exist here"
            raise NotFoundError(message, file=path) from error
        except OSError as error:
            raise IoError(f"{path!r}: {error}", file=path) from error
        if found != size:
            kind = TruncatedError if found < size else InvalidError
            raise kind(
                f"{path!r} has {found} bytes and had {size} when the pickled dataset was made; "
                "its rows are others now: make the dataset anew",
                file=path,
            )

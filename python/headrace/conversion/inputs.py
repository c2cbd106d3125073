"""What a conversion reads: files by path, or any items; each with an identity that lasts.

1. A file is known by its path, and is the same as long as its size and its time of modification
   are. An item is known by its value, or by its position where the value cannot be seen (an object
   of a library). What is listed twice is two inputs.
2. With a transform, a str that names no file is an item, such as a URL or a key.
"""

from __future__ import annotations

import collections
import glob
import os
import reprlib
import stat
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, replace
from typing import Any

from headrace import advice
from headrace.conversion.code_version import digest
from headrace.conversion.imported_formats import is_huggingface
from headrace.conversion.input_identity import identity_of_file, identity_of_item, stamp_of_file
from headrace.errors import InvalidError, NotFoundError, UnsupportedError
from headrace.stores.store_url import check_is_path

_MAGIC = frozenset("*?[")
_short = reprlib.Repr()
_short.maxstring = _short.maxother = 100


@dataclass(frozen=True)
class Input:
    """One input of a conversion.

    Attributes:
        item: What a transform is given: the path as a str, or the item itself.
        name: What messages call it.
        key: Its identity.
        stamp: Its state: another number once the file has changed, or another item stands at its
            position; 0 for items that are known by their value.
        former: The identity that ledgers of before may know it by.
        size: Its bytes; None for items and directories.
        is_file: Whether `item` is a path.
    """

    item: Any
    name: str
    key: int
    stamp: int = 0
    former: int | None = None
    size: int | None = None
    is_file: bool = False

    def is_unchanged(self) -> bool:
        """Whether the file is still what it was when it was listed."""
        try:
            return not self.is_file or stamp_of_file(os.stat(self.item)) == self.stamp
        except FileNotFoundError:
            return False


class Inputs:
    """The inputs in their order: can be iterated over once or, except of an iterator, again.

    Attributes:
        count: How many there are, None where that is not known.
        size: Their bytes, None where that is not known.
    """

    def __init__(self, inputs: Any, *, transforms: bool) -> None:
        """Lists the files, so that what is missing is an error before anything is done."""
        self._transforms = transforms
        self._source: Iterable[Input]
        self._has_files = False
        self.count: int | None = None
        self.size: int | None = None
        if isinstance(inputs, str | os.PathLike):
            listed = _expand(os.fspath(inputs))
        elif isinstance(inputs, list | tuple):
            listed = [path for item in inputs for path in self._expand_item(item)]
        elif is_huggingface(inputs) and not transforms:
            found = _of_huggingface(inputs)
            self._source, self.count, self.size = [found], 1, found.size
            return
        else:
            self._source = self._check_items(inputs)
            return
        self._list(listed)

    def __iter__(self) -> Iterator[Input]:
        return iter(self._source)

    @property
    def total(self) -> int | None:
        """Their bytes, or how many there are where none is a file; None where both are."""
        return self.count if self.size is None and not self._has_files else self.size

    def _list(self, listed: list[Any]) -> None:
        self.count = len(listed)
        found = list(self._number(listed))
        self._source = found
        sizes = [one.size for one in found]
        self._has_files = any(one.is_file for one in found)
        self.size = None if None in sizes else sum(size or 0 for size in sizes)
        if not self.count:
            raise InvalidError("there are no inputs; pass paths, a glob or items")

    def _expand_item(self, item: Any) -> list[Any]:
        is_path = isinstance(item, os.PathLike)
        if not is_path and not isinstance(item, str):
            if not self._transforms:
                raise _not_a_path(item)
            return [item]
        path = os.fspath(item)
        if self._transforms and not is_path and not os.path.exists(path):
            return list(_expand(path)) if glob.glob(path, recursive=True) else [_Text(path)]
        return list(_expand(path))

    def _check_items(self, items: Any) -> Iterable[Input]:
        if isinstance(items, bytes | type) or not _is_iterable(items):
            raise InvalidError(
                f"inputs are a path, a glob, a list of these, or items to iterate over, not "
                f"{_short.repr(items)}"
            )
        if not self._transforms:
            raise _not_a_path(items)
        self.count = len(items) if isinstance(items, Sized) else None
        if self.count == 0:
            raise InvalidError("there are no inputs; pass paths, a glob or items")
        return _Numbered(self._number, items)

    def _number(self, items: Iterable[Any]) -> Iterator[Input]:
        times, former = _Times(), _Times()
        for position, item in enumerate(items):
            if isinstance(item, _Path):
                found = _file(item)
            else:
                item = str(item) if isinstance(item, _Text) else item
                name = f"item {position} ({' '.join(_short.repr(item).split())})"
                found = Input(item, name, *identity_of_item(item, position, self.count))
            before = former.numbered(found.key if found.former is None else found.former)
            key = times.numbered(found.key)
            yield replace(found, key=key, former=None if before == key else before)


class _Path(str):
    """A path that exists."""

    __slots__ = ()


class _Text(str):
    """A str that is no path."""

    __slots__ = ()


class _Numbered:
    """Makes inputs of items, each time it is iterated over."""

    def __init__(self, number: Callable[[Iterable[Any]], Iterator[Input]], items: Any) -> None:
        self._number, self._items = number, items

    def __iter__(self) -> Iterator[Input]:
        items = self._items
        by_number = not isinstance(items, Iterable)
        return self._number((items[k] for k in range(len(items))) if by_number else items)


def _is_iterable(items: Any) -> bool:
    by_number = hasattr(items, "__len__") and hasattr(items, "__getitem__")
    return isinstance(items, Iterable) or by_number


def _not_a_path(item: object) -> InvalidError:
    return InvalidError(
        f"without a transform every input is a path, and this is {_short.repr(item)}",
        advice=advice.transform("a function that makes columns of it"),
    )


def _expand(path: str | bytes) -> list[_Path]:
    """Returns the paths that a path or glob stands for, sorted."""
    path = os.fsdecode(path)
    if os.path.exists(path):
        return [_Path(path)]
    check_is_path(path)
    if not _MAGIC & set(path):
        raise NotFoundError(f"{path!r} does not exist", file=path)
    found = sorted(glob.glob(path, recursive=True))
    files = [_Path(name) for name in found if not os.path.isdir(name)]
    if not files:
        raise NotFoundError(f"no file matches {path!r}", file=path)
    return files


def _of_huggingface(dataset: Any) -> Input:
    name = "the dataset of Hugging Face"
    # Their own identity: a hash of the data and of everything done to it.
    key = digest(("huggingface", dataset._fingerprint))
    return Input(dataset, name, key, size=int(dataset.data.nbytes))


def _file(path: _Path) -> Input:
    name = str(path)
    try:
        status = os.stat(name)
    except FileNotFoundError as error:
        raise NotFoundError(f"{name!r} does not exist", file=name) from error
    is_directory = stat.S_ISDIR(status.st_mode)
    if not is_directory and not stat.S_ISREG(status.st_mode):
        raise UnsupportedError(f"{name!r} is neither a file nor a directory", file=name)
    identity = identity_of_file(name, status, is_directory=is_directory)
    size = None if is_directory else status.st_size
    return Input(name, repr(name), *identity, size, is_file=True)


class _Times:
    """Counts how often an input is listed."""

    def __init__(self) -> None:
        self._seen: collections.Counter[int] = collections.Counter()

    def numbered(self, key: int) -> int:
        """Returns a key of its own for each time that the same input is listed."""
        self._seen[key] += 1
        return key if self._seen[key] == 1 else digest((key, self._seen[key]))

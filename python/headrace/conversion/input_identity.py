"""What the inputs of a conversion are known by, so that a later call finds them again.

1. A path is known by its directory, with symbolic links followed, and its own name: a link to a
   file is an input of its own, and a link to a directory is that directory.
2. An item is known by its value, in which a class counts by its name.
3. Where the value cannot be seen (a table, an image, an object of a library), the item is known by
   its position, and its stamp tells whether another one stands there: a digest of what pickle
   would send, or, of what cannot be pickled, of its class and the number of inputs.
4. Stamps of files are odd, of items with a value 0, of items by position even and not 0. Ledgers
   of before stamped items by position 0 as well, which tells nothing.
"""

from __future__ import annotations

import copyreg
import os
import types
from typing import Any, NamedTuple

from headrace.conversion.code_version import Hasher, digest, has_code
from headrace.errors import UnsupportedError

_PROTOCOL = 4  # of pickle: the newest before buffers travel beside the stream


class Identity(NamedTuple):
    """What an input is known by.

    Attributes:
        key: Who it is.
        stamp: Its state.
        former: What it was known by in ledgers of before, where that was something else.
    """

    key: int
    stamp: int
    former: int | None = None


def identity_of_file(path: str, status: os.stat_result, *, is_directory: bool) -> Identity:
    """Returns the identity of a path, in the state of `status`."""
    absolute = os.path.abspath(path)
    if is_directory:
        name = os.path.realpath(absolute)
    else:
        folder, file = os.path.split(absolute)
        name = os.path.join(os.path.realpath(folder), file)
    former = digest(("path", absolute)) if name != absolute else None
    return Identity(digest(("path", name)), stamp_of_file(status), former)


def stamp_of_file(status: os.stat_result) -> int:
    """Returns the state of a file: another number once its size or time of modification is."""
    return digest((status.st_size, status.st_mtime_ns)) | 1


def identity_of_item(item: object, position: int, count: int | None) -> Identity:
    """Returns the identity of the item at `position` of `count`, None if that is not known."""
    try:
        hasher = _ValueHasher()
        hasher.add(("item", item))
    except UnsupportedError:
        return Identity(key_of_position(position), _stamp_of_unseen(item, count))
    former = digest(("item", item)) if hasher.has_named_classes else None
    return Identity(hasher.value(), 0, former)


def key_of_position(position: int) -> int:
    """Returns the key of an item that is known by its position."""
    return digest(("position", position))


def is_by_position(stamp: int) -> bool:
    """Whether a stamp is one of an item that is known by its position."""
    return stamp != 0 and stamp % 2 == 0


def _stamp_of_unseen(item: object, count: int | None) -> int:
    hasher = _PickledHasher()
    try:
        hasher.add(("pickled", item))
        found = hasher.value()
    except Exception:  # noqa: BLE001 (of the item's own methods, too)
        kind = type(item)
        found = digest(("kind", f"{kind.__module__}.{kind.__qualname__}", count))
    return found & ~1 or 2


class _ValueHasher(Hasher):
    """Feeds values to a hash, of classes only their names: code may change, and the item stays."""

    def __init__(self) -> None:
        super().__init__()
        self.has_named_classes = False

    def _add_class(self, kind: type) -> None:
        self._add_class_name(kind)
        self.has_named_classes |= has_code(kind)


class _PickledHasher(_ValueHasher):
    """Feeds what pickle would send of objects to a hash."""

    def _add_compound(self, value: Any) -> None:
        if isinstance(value, type):
            self._add_class_name(value)
        elif isinstance(value, types.FunctionType | types.BuiltinFunctionType):
            self._tagged("function", f"{value.__module__}.{value.__qualname__}".encode())
        elif type(value) in (tuple, list, dict, set, frozenset):
            self._add_object(value)
        else:
            self._add_reduced(value)

    def _add_reduced(self, value: Any) -> None:
        registered = copyreg.dispatch_table.get(type(value))
        reduced = registered(value) if registered else value.__reduce_ex__(_PROTOCOL)
        if isinstance(reduced, str):
            self._tagged("global", reduced.encode())
            return
        # What makes it, of which arguments, its state, and what is in it as in a list or a dict.
        self._tagged("reduced", str(len(reduced)).encode())
        for number, part in enumerate(reduced):
            is_iterator = number in (3, 4) and part is not None
            self.add(list(part) if is_iterator else part)

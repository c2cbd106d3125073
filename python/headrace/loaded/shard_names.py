"""What shards that a function loads are called: by people, in a cache, and in a content id.

1. A shard's name is its sid as text. Messages, `shard_ids` and `select_shards` have it.
2. In a cache an entry is known by ids that are derived, since no content is known before it is
   loaded: that of the dataset from the function's name, the file it is written in and its version,
   that of the shard from this, the columns and the name. A function whose code has changed so never
   finds what the old one has loaded. A version that its author names stands for the code, and not
   for what it is called with: the arguments of a partial, and the attributes of an object, count as
   far as they are plain values.
3. A content id, and so the state of a loader, rests on the function's name, its version and the
   shard's name: not on where the code lies, which another machine has elsewhere.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import types
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace import checks
from headrace.conversion.code_version import attributes_of
from headrace.conversion.convert import version_of
from headrace.errors import InvalidError
from headrace.schema import CoreField
from headrace.transform import function_name

_NAMESPACE = uuid.UUID("0d3f3c5e-8a44-4f6e-9c61-6c1b1c8a5d27")


def shard_names(sids: object) -> tuple[list[Any], list[str]]:
    """Returns the ids of shards as a list, and what each is called; ints of numpy become Python's.

    Raises:
        InvalidError: If they are no list of ids, are empty, or name a shard twice.

    Example:
        >>> shard_names(["a", 7, ("part", 0)])
        (['a', 7, ('part', 0)], ['a', '7', "('part', 0)"])
    """
    if isinstance(sids, str | bytes) or not isinstance(sids, Iterable):
        raise InvalidError(f"sids is a list of the ids of shards, not {sids!r}")
    listed = [int(sid) if isinstance(sid, np.integer) else sid for sid in sids]
    if not listed:
        raise InvalidError("there are no sids; a dataset needs at least one shard")
    names = [_name(sid) for sid in listed]
    seen = set[str]()
    for name in names:
        if name in seen:
            raise InvalidError(f"shard {name} is listed twice; list each shard once")
        seen.add(name)
    return listed, names


def _name(sid: object) -> str:
    name = str(_plain(sid))
    if not name or not checks.is_utf8(name):
        raise InvalidError(f"the id of a shard is text of Unicode characters, not {sid!r}")
    return name


def _plain(sid: object) -> object:
    """Returns an id as values whose text is always the same."""
    if isinstance(sid, str):
        return str(sid)
    if isinstance(sid, int | np.integer) and not isinstance(sid, bool):
        return int(sid)
    if isinstance(sid, tuple):
        return tuple(map(_plain, sid))
    if isinstance(sid, os.PathLike):
        return _plain(os.fspath(sid))
    raise InvalidError(
        f"the id of a shard is a str, an int, a path or a tuple of these, not {sid!r} "
        f"({type(sid).__name__})"
    )


@dataclass(frozen=True)
class Loader:
    """A function that loads shards, as far as caches and states tell it from others.

    Attributes:
        name: What messages call it.
        version: The one that its author has named, or a hash of its code.
        dataset: The id of its shards in a cache.
    """

    name: str
    version: str
    dataset: uuid.UUID

    @classmethod
    def of(cls, load: Any, version: str | None, columns: object) -> Loader:
        """Looks at a function; `columns` is what it is said to return.

        Raises:
            InvalidError: If it is no function, or its version cannot be told.
        """
        if not callable(load):
            raise InvalidError(f"load is called with every sid, but {load!r} is no function")
        found = version_of("load", load, version)
        code = _written_code(load)
        name = function_name(code)
        given = [] if version is None else _given_to(load)
        identity = json.dumps([_where(code), name, found, repr(columns), *given])
        return cls(name, found, uuid.uuid5(_NAMESPACE, identity))

    def shard_id(self, fields: Iterable[CoreField], batch_rows: int) -> Callable[[str], str]:
        """Returns what gives the id of a shard with these columns in a cache, by its name."""
        layout = uuid.uuid5(self.dataset, json.dumps([list(fields), batch_rows]))
        return lambda name: str(uuid.UUID(bytes=_digest(name, layout.bytes, size=16)))

    def content_hash(self) -> Callable[[str], int]:
        """Returns what gives what a content id knows of the rows of a shard, by its name."""
        content = _digest(json.dumps([self.name, self.version]), b"", size=16)
        return lambda name: int.from_bytes(_digest(name, content, size=8), "big")


def _digest(text: str, key: bytes, *, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), key=key, digest_size=size).digest()


def _given_to(load: Any) -> list[str]:
    """Returns the plain values that a callable is called with, each with what it is called.

    They are arguments of a partial, and attributes of an object but those whose names begin with an
    underscore.
    """
    given: list[tuple[str, Any]] = []
    while isinstance(load, functools.partial):
        given += [(str(number), value) for number, value in enumerate(load.args)]
        given += sorted(load.keywords.items())
        load = load.func
    owner = getattr(load, "__self__", load)
    if not isinstance(owner, type | types.FunctionType | types.ModuleType):
        given += sorted((attributes_of(owner) or {}).items())
    return [
        f"{name}={_text(value)}"
        for name, value in given
        if _is_plain(value) and not name.startswith("_")
    ]


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_plain, value))
    return isinstance(value, str | bytes | int | float | np.generic | os.PathLike | None)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(os.fspath(value) if isinstance(value, os.PathLike) else value)


def _written_code(load: Any) -> Any:
    """Returns the function or class behind a callable."""
    while isinstance(load, functools.partial):
        load = load.func
    load = getattr(load, "__func__", load)
    return load if hasattr(load, "__qualname__") else type(load)


def _where(code: Any) -> str:
    """Returns what tells functions of one name apart.

    That is the file they are written in, and where there is none (a notebook, another language)
    the working directory.
    """
    try:
        file = inspect.getsourcefile(code)
    except (TypeError, OSError):  # the latter for a class of a notebook
        file = None
    return os.path.abspath(file) if file and os.path.isfile(file) else os.getcwd()

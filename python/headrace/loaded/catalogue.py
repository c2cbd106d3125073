"""What is known of shards that were loaded before: a small file in the cache directory.

It spares a second start the calls that tell columns and numbers of rows. It is written anew as a
whole and renamed, so that a reader finds an old one or a new one; who loses a race loses what would
be found out again. What cannot be read counts as not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from headrace import _core
from headrace.errors import IoError
from headrace.schema import CoreField

_PROFILE = 2
_SUFFIX = ".loads.json"


@dataclass(frozen=True)
class Columns:
    """What all shards of a dataset have in common.

    Attributes:
        fields: The columns, as the core has them.
        as_tuple: Whether rows are tuples.
        batch_rows: Rows of each record batch but the last.
    """

    fields: tuple[CoreField, ...]
    as_tuple: bool
    batch_rows: int


@dataclass
class Catalogue:
    """What is known of the shards of one function.

    Attributes:
        columns: None as long as no shard with rows was loaded.
        shards: By name the rows of a shard, and the bytes of its file or 0.
        row_bytes: How large a row was, at most, without the metadata of its file.
        shard_bytes: How large a shard was, at most.
    """

    columns: Columns | None = None
    shards: dict[str, tuple[int, int]] = field(default_factory=dict)
    row_bytes: int = 1
    shard_bytes: int = 1

    def learn(self, name: str, rows: int, size: int) -> None:
        """Takes up what a shard has turned out to be."""
        self.shards[name] = rows, size

    def see(self, row_bytes: int, shard_bytes: int) -> None:
        """Takes up how large a row and a shard were."""
        self.row_bytes = max(self.row_bytes, row_bytes)
        self.shard_bytes = max(self.shard_bytes, shard_bytes)

    @classmethod
    def read(cls, cache: str, dataset: object) -> Catalogue:
        """Returns what lies in a cache directory; an empty one where there is nothing."""
        try:
            with open(_path(cache, dataset), encoding="utf-8") as file:
                return _checked(json.load(file))
        except Exception:  # noqa: BLE001  # whatever it is, it tells nothing
            return cls()

    def write(self, cache: str, dataset: object) -> None:
        """Puts it into a cache directory, with what others have put there meanwhile.

        Raises:
            IoError: If that cannot be written.
        """
        there = Catalogue.read(cache, dataset)
        if there.columns == self.columns:
            self.shards = there.shards | self.shards
            self.see(there.row_bytes, there.shard_bytes)
        data: dict[str, object] = {
            "profile": _PROFILE,
            "columns": None if self.columns is None else vars(self.columns),
            "row_bytes": self.row_bytes,
            "shard_bytes": self.shard_bytes,
            "shards": self.shards,
        }
        data["hash"] = _hash(data)
        path = _path(cache, dataset)
        try:
            os.makedirs(cache, exist_ok=True)
            _replace(path, json.dumps(data).encode())
        except OSError as error:
            raise IoError(
                f"{path!r} cannot be written: {error}; a cache needs a directory that this user "
                "may write, on a disk with room: choose another one (cache=)",
                file=path,
            ) from error


def _path(cache: str, dataset: object) -> str:
    return os.path.join(cache, f"{dataset}{_SUFFIX}")


def _replace(path: str, data: bytes) -> None:
    begun = f"{path.removesuffix(_SUFFIX)}.loads.{uuid.uuid4().hex}"  # a name that the cache knows
    try:
        with open(begun, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(begun, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(begun)
        raise


def _checked(data: Any) -> Catalogue:
    """Returns what a file says; raises what `read` catches for one that says nothing."""
    if data["profile"] != _PROFILE or data.pop("hash") != _hash(data):
        raise ValueError
    columns = data["columns"]
    shards = {name: (_count(rows), _count(size)) for name, (rows, size) in data["shards"].items()}
    _count(sum(rows for rows, _ in shards.values()))  # so many a dataset may have
    return Catalogue(
        None if columns is None else _checked_columns(**columns),
        shards,
        max(1, _count(data["row_bytes"])),
        max(1, _count(data["shard_bytes"])),
    )


def _hash(data: dict[str, object]) -> str:
    """Returns a hash of all that a file says: a number that was damaged still looks like one."""
    return hashlib.blake2b(json.dumps(data, sort_keys=True).encode(), digest_size=16).hexdigest()


def _checked_columns(fields: Any, as_tuple: Any, batch_rows: Any) -> Columns:
    if not isinstance(as_tuple, bool) or not fields or _count(batch_rows) == 0:
        raise ValueError
    listed = [tuple(tuple(part) if isinstance(part, list) else part for part in f) for f in fields]
    return Columns(tuple(_core.checked_fields(listed)), as_tuple, batch_rows)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError
    return value

"""Batches of columns become shards: durable files that no version of a dataset names yet."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from headrace import _core
from headrace.batch_intake import BatchIntake
from headrace.byte_sizes import byte_size
from headrace.column_rows import ColumnRows
from headrace.errors import InvalidError
from headrace.schema import Field, Schema

Compression = Literal["zstd"] | None

# A call of the core is about so many bytes: signals are looked for in between.
_STEP_BYTES = 2**28
# So many bytes of strided rows are made contiguous at a time.
_COPY_BYTES = 2**24


@dataclass(frozen=True)
class BuiltShards:
    """Shards to be committed, by any process.

    Attributes:
        entries: What the manifest says about each, in row order.
        schema: Their columns.
        rows: Of all of them.
    """

    entries: list[dict[str, Any]]
    schema: Schema
    rows: int


class ShardBuilder:
    """Writes shards into the directory of a dataset, where nobody sees them before a commit.

    Args:
        path: The dataset's directory; made with the first shard.
        shard_bytes: How large a file becomes.
        columns: As `BatchIntake`'s.
        fill: As `BatchIntake`'s.
        schema: All columns, where they are known.
        body_bytes: How large a record batch becomes.
        compression: "zstd" to compress shards; sizes are those before compression.

    A builder that is dropped, or whose process ends, leaves at most whole shards behind that no
    version names; writers collect them by age.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        shard_bytes: int | str = "128MB",
        columns: Mapping[str, Field | Mapping[str, object]] | None = None,
        fill: object = None,
        schema: Schema | None = None,
        body_bytes: int | str = "64MiB",
        compression: Compression = None,
    ) -> None:
        self._path = os.fspath(path)
        self._shard_bytes = byte_size("shard_bytes", shard_bytes)
        self._body_bytes = byte_size("body_bytes", body_bytes)
        self._encoding = check_compression(compression) or "none"
        self._intake = BatchIntake(columns=columns, fill=fill, schema=schema)
        self._core: _core.ShardBuilder | None = None
        self._bytes = 0
        self._process = os.getpid()
        self._lock = threading.Lock()  # the core is for one thread at a time

    @property
    def schema(self) -> Schema | None:
        """The columns so far; None before any rows, where nobody gave them."""
        return self._intake.schema

    @property
    def rows(self) -> int:
        """Rows since the beginning or the last finish()."""
        return 0 if self._core is None else self._core.rows

    @property
    def bytes(self) -> int:
        """Bytes of all rows that were written, as they came."""
        return self._bytes

    @property
    def is_own(self) -> bool:
        """Whether this process made it, and is no fork of the one that did."""
        return os.getpid() == self._process

    def write(self, data: object) -> int:
        """Appends the rows of a dict of columns or of a table; returns how many there were.

        The memory is read before this returns, and not after. Errors of single values and of
        columns that do not fit are raised before anything of the batch is taken.

        Raises:
            InvalidError: If the batch does not fit the schema; see `BatchIntake`.
            UnsupportedError: If a column is of a kind or dtype that there is none for.
            IoError: If the shards cannot be written; only abort() is then left.
        """
        written = 0
        with self._lock:
            self._check_process()
            for batch in self._intake.read(data):
                core = self._prepared_core(batch)
                step = _rows_at_a_time(batch)
                for start in range(0, batch[0].rows, step):
                    stop = min(start + step, batch[0].rows)
                    core.write([column.slice(start, stop).to_core() for column in batch])
                written += batch[0].rows
                self._bytes += sum(column.nbytes for column in batch)
        return written

    def finish(self) -> BuiltShards:
        """Makes all rows durable; returns the shards since the last call. Writing can go on."""
        with self._lock:
            self._check_process()
            schema = self._intake.schema or Schema(())
            if self._core is None:
                return BuiltShards([], schema, 0)
            rows = self._core.rows
            return BuiltShards(self._core.finish(), schema, rows)

    def hold_to(self, schema: Schema, *, fill: object = None) -> None:
        """Holds later batches to `schema`: that of the dataset after a commit."""
        self._intake = BatchIntake(fill=fill, schema=schema)

    def abort(self) -> None:
        """Removes the shards that finish() has not returned; the builder is then of no use."""
        if self._core is not None and self.is_own:
            with self._lock:
                self._core.abort()

    def _check_process(self) -> None:
        if not self.is_own:
            raise InvalidError(
                f"what writes to {self._path!r} was made in process {self._process}, and this is "
                f"its fork {os.getpid()}; make one in each process"
            )

    def _prepared_core(self, batch: list[ColumnRows]) -> _core.ShardBuilder:
        if self._core is None:
            fields = [column.field.to_core() for column in batch]
            self._core = _core.ShardBuilder(
                self._path, fields, self._shard_bytes, self._body_bytes, self._encoding
            )
        return self._core

    def __reduce__(self) -> NoReturn:
        raise InvalidError(
            "what writes shards cannot be pickled or copied; make one in each process, and send "
            "what finish() returns"
        )


def discard(path: str | os.PathLike[str], entries: Iterable[Mapping[str, Any]]) -> None:
    """Removes shards that finish() returned and that will not be committed."""
    _core.discard_shards(os.fspath(path), [entry["id"] for entry in entries])


def check_compression(compression: object) -> Compression:
    """Returns how shards are compressed, None for not at all, or raises InvalidError."""
    if compression is None or compression == "zstd":
        return compression
    raise InvalidError(f'compression is "zstd", or None for none, not {compression!r}')


def _rows_at_a_time(batch: list[ColumnRows]) -> int:
    row_bytes = max(1, sum(column.nbytes for column in batch) // batch[0].rows)
    target = _STEP_BYTES if all(column.in_place for column in batch) else _COPY_BYTES
    # A power of two: whole record batches stay whole.
    return int(1 << (max(1, target // row_bytes).bit_length() - 1))

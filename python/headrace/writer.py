"""Writes datasets of shards."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, NoReturn

from headrace.byte_sizes import byte_size
from headrace.column_fit import declare, declared_facts
from headrace.dataset_place import place_of
from headrace.errors import HeadraceError, InvalidError
from headrace.schema import Field, Schema
from headrace.shard_builder import Compression, check_compression

# What a conversion keeps in the metadata.
_OURS = frozenset({"as_tuple", "convert"})


class Writer:
    """Adds rows to a dataset of shards, and makes the dataset with the first ones.

    Rows become visible by `commit`, all at once and durably: by leaving the ``with`` block. Leaving
    it by an exception drops them. Any number of writers, in any processes and on any machines that
    share the directory, may write to one dataset at once; each commits its own rows.

    Args:
        path: The directory of the dataset; made if it does not exist. Or a URL of an object store,
            such as ``s3://bucket/corpus``. An existing dataset is added to, and its columns are
            those that it has.
        shard_bytes: About how large a shard becomes, as an int or as in "1GB"; before compression.
        columns: What is to be known of columns beforehand: by name a `Field` or some of its facts,
            such as ``{"w": {"width": 30000}}`` for a sparse column. The first batch gives the rest:
            a sparse column that nobody declares is as wide as it is there.
        fill: What is written in place of nulls: a value for all columns, or a dict by column name.
            Column ``<name>_valid`` then says which rows were no nulls. Without it nulls are errors.
        metadata: What is kept with the dataset: a dict that JSON can hold. Keys of earlier commits
            stay; None removes one.
        compression: "zstd" makes shards smaller, for stores and networks. Other programs read them
            as they are; headrace maps the rows of such shards only after they were expanded, by a
            cache or by `expand`. None, the default, is for directories.
        storage_options: Of a URL: credentials and other settings of the store, as for obstore's
            stores, such as ``{"access_key_id": ..., "endpoint": ...}``; what is not given comes
            from the environment.

    Attributes:
        path: The directory of the dataset, or its URL.

    Shards for a store are complete in a temporary directory before they are uploaded, some at a
    time and while rows are written. A store must be able to create an object only if there is none
    of its name; that, the bucket and the credentials are tried out at once.

    A batch is held in memory until it is part of a record batch of up to 64 MiB; larger ones are
    written from the caller's arrays. One thread at a time.

    Example:
        >>> import tempfile, numpy as np, headrace as hr
        >>> folder = tempfile.TemporaryDirectory()
        >>> with hr.Writer(f"{folder.name}/corpus", shard_bytes="256MB") as writer:
        ...     for step in range(3):
        ...         writer.write(x=np.full((4, 2), step, np.float32), t=["a", "list", "of", "text"])
        >>> writer.rows, writer.version
        (12, 1)
        >>> writer.schema
        Schema(x: float32[2], t: text)
        >>> folder.cleanup()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        shard_bytes: int | str = "128MB",
        columns: Mapping[str, Field | Mapping[str, object]] | None = None,
        fill: object = None,
        metadata: Mapping[str, Any] | None = None,
        compression: Compression = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._place = place_of(path, storage_options)
        self.path = self._place.name
        byte_size("shard_bytes", shard_bytes)
        check_compression(compression)
        self._metadata = None if metadata is None else _as_json(metadata)
        self._fill = fill
        self._place.check_writable()
        self._directory = self._place.versions()
        self._committed = 0
        self._version: int | None = None
        self._closed = False
        schema = self._dataset_schema()
        if schema is not None:
            _check_declared(self.path, schema, columns)
            columns = None
        self._builder = self._place.builder(
            shard_bytes=shard_bytes,
            columns=columns,
            fill=fill,
            schema=schema,
            compression=compression,
        )

    @property
    def schema(self) -> Schema | None:
        """The columns; None before the first rows of a new dataset."""
        return self._builder.schema

    @property
    def rows(self) -> int:
        """Rows that were written, whether they are committed or not."""
        return self._committed + (0 if self._closed else self._builder.rows)

    @property
    def version(self) -> int | None:
        """The version of the dataset that the last commit made; None before there was one."""
        return self._version

    def write(self, table: object = None, /, **columns: object) -> None:
        """Appends rows: columns as keywords, or a dict of them, or a dataset, or a table.

        The arrays may be changed again as soon as this returns. No rows are no batch.

        Args:
            table: A dict of columns by name; or a `Dataset`, whose rows are written as they are
                stored, without layouts, some megabytes at a time; or anything that exports Arrow
                data (a table of pyarrow, Polars, pandas or DuckDB, or a stream of batches, which
                is read one by one).
            **columns: By name: a numpy array, a CPU torch tensor, a list with one element per row
                (numbers, arrays of one shape, str or bytes), `ragged`, a sparse matrix of scipy, or
                a column that exports Arrow data.

        Raises:
            InvalidError: If columns are missing, unequally long, or not what they began as; if
                there are nulls and no `fill`; or if the writer is closed.
            UnsupportedError: If a column is of a kind or dtype that there is none for; the message
                says what to do.
            IoError: If the disk is full, or fails, or the store does. What was not committed is
                then lost.
        """
        self._check_open()
        if (table is None) == (not columns):
            raise InvalidError(
                "write takes columns as keywords, write(x=...), or one dataset or table, "
                "write(table)"
            )
        self._builder.write(columns if table is None else table)

    def commit(self) -> int | None:
        """Makes all rows so far visible and durable; returns the version that has them.

        Without new rows and metadata nothing is committed. Writing can go on.

        Raises:
            InvalidError: If another writer made the dataset meanwhile, with other columns.
            IoError: If the disk is full, or fails, or the store does.
        """
        self._check_open()
        built = self._builder.finish()
        if not built.entries and (self._metadata is None or not built.schema):
            return self._version
        fields = [field.to_core() for field in built.schema.values()]
        try:
            version = self._directory.commit(built.entries, fields, metadata=self._metadata or "{}")
        except HeadraceError:  # what the commit has named in spite of it stays
            self._place.discard(self._directory, built.entries)
            raise
        self._version = version
        self._metadata = None
        self._committed += built.rows
        schema = self._dataset_schema()
        if schema is not None:
            self._builder.hold_to(schema, fill=self._fill)
        return version

    def close(self) -> None:
        """Commits what was written; a closed writer takes no more rows."""
        if self._closed:
            return
        try:
            self.commit()
        finally:
            self._drop()

    def abort(self) -> None:
        """Drops the rows since the last commit and closes the writer."""
        if not self._closed:
            self._drop()

    def _drop(self) -> None:
        self._closed = True
        self._builder.abort()

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidError(
                f"the writer of {self.path!r} is closed; make a new one, which adds to the dataset"
            )

    def _dataset_schema(self) -> Schema | None:
        if self._directory.newest() == 0:
            return None
        return Schema(Field.from_core(field) for field in self._directory.read()["schema"])

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        builder = getattr(self, "_builder", None)
        if builder is not None and not self._closed and builder.is_own and builder.rows:
            warnings.warn(
                f"{self!r} was neither closed nor committed; its last {builder.rows} rows are lost",
                ResourceWarning,
                source=self,
                stacklevel=1,
            )

    def __reduce__(self) -> NoReturn:
        raise InvalidError(
            "a writer cannot be pickled or copied; make one in each process: they may all write to "
            "one dataset at once"
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        version = "" if self._version is None else f", version {self._version}"
        return f"headrace.Writer({self.path!r}, {self.rows} rows{version}, {state})"


def _as_json(metadata: object) -> str:
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise InvalidError(f"metadata= is a dict with keys of str, not {metadata!r}")
    taken = sorted(_OURS & metadata.keys())
    if taken:
        raise InvalidError(
            f"metadata= has {', '.join(map(repr, taken))}, which headrace keeps there itself; "
            "choose another key"
        )
    try:
        return json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidError(f"metadata= holds what JSON cannot: {error}") from error


def _check_declared(
    path: str, schema: Schema, columns: Mapping[str, Field | Mapping[str, object]] | None
) -> None:
    """Raises InvalidError where `columns=` says something else than the dataset has."""
    for name, facts in declared_facts(columns).items():
        schema.position(name)
        wanted = declare(schema[name], facts)
        if wanted != schema[name]:
            raise InvalidError(
                f"columns= says that {wanted!r}, and the dataset {path!r} has {schema[name]!r}; "
                "leave it out, or write to a new directory",
                column=name,
            )

"""The dataset: rows and columns over arrays or files, and the views that make one of another."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from headrace import (
    _core,
    arrow_export,
    checks,
    dataset_versions,
    filtering,
    indexing,
    labels,
    recipe,
    splitting,
)
from headrace.byte_sizes import format_bytes
from headrace.column import Column
from headrace.dataset_columns import Columns
from headrace.errors import InvalidError
from headrace.shard_table import ShardTable

_LARGE_PICKLE = 10**9  # bytes of arrays
_ASKED_BYTES = 2**28  # of the next shard


class Dataset(Columns):
    """Rows of equally long columns: an immutable view that holds no rows itself.

    Made by `from_arrays`, `from_items`, `memmap`, `open` and `files`, and from other datasets by
    the methods below and by `concat` and `zip`, none of which copies rows. A row is a tuple if the
    columns were given by position (then named "0", "1", ...), and a dict if they were named.

    ``ds[3]`` is a row, ``ds[2:5]``, ``ds[[1, 4]]`` and ``ds[mask]`` are batches of numpy arrays
    (lists of str for text, of bytes, of arrays for ragged; scipy sparse arrays for csr), and
    ``ds["x"]`` is a `Column`. ``for row in ds`` gives all rows; for training use `Loader`. For
    torch's own DataLoader it is a map-style dataset.

    A pickle, or a deep copy, is how the dataset was made: files as absolute paths, which must still
    have their size, dtype and row shape; arrays by value, whole even if a view shows few rows.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(x=np.arange(12.0).reshape(6, 2), y=np.arange(6))
        >>> ds
        headrace.Dataset(rows=6, columns=(x: float64[2], y: int64), in memory, 144 B)
        >>> ds[-1]["x"], ds[1:3]["x"].shape, ds["y"][[0, 3]].tolist()
        (array([10., 11.]), (2, 2), [0, 3])
    """

    __slots__ = ()

    def subset(self, rows: object) -> Dataset:
        """Returns the dataset of some rows, in the given order; rows may repeat.

        Args:
            rows: A slice, a list or array of row numbers, or a mask with one bool per row. A
                slice takes no memory, the others 8 bytes per chosen row.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(y=np.arange(10))
            >>> ds.subset([7, 7, -1])["y"][:].tolist(), len(ds.subset(slice(0, 10, 3)))
            ([7, 7, 9], 4)
        """
        total = len(self)
        if isinstance(rows, slice):
            start, count, step = indexing.row_range(rows, total)
            if count == 0:
                raise InvalidError(f"the subset {rows} has zero rows of the dataset's {total}")
            return self._view(_core.Dataset.slice, start, count, step)
        if not indexing.is_row_list(rows) and not isinstance(rows, (tuple, Column)):
            raise InvalidError(
                f"a subset is a slice, a list or array of row numbers, or a mask, not {rows!r}"
            )
        # A copy of our own: the core checks the rows once and trusts them afterwards.
        indices = indexing.row_numbers(rows, total)
        if indices.ndim != 1:
            raise InvalidError(f"a subset has one dimension; the array has {indices.ndim}")
        if indices.size == 0:
            raise InvalidError(f"the subset has zero rows of the dataset's {total}")
        indices.setflags(write=False)
        return self._view(_core.Dataset.subset, indices)

    def split(
        self,
        fractions: float | Sequence[float],
        *,
        seed: int = 0,
        by: Literal["file"] | None = None,
    ) -> tuple[Dataset, ...]:
        """Returns random disjoint parts that together hold each row once, rows in their order.

        Args:
            fractions: One number f for the parts (f, 1 - f), or all parts, which sum to 1.
            seed: Another seed gives another split; the same seed always the same.
            by: None splits row by row with exact totals. "file" keeps all rows of a file in one
                part, and in the same part when files are added later; totals are then near the
                fractions, not exact.

        Example:
            >>> import numpy as np, headrace as hr
            >>> train, test = hr.from_arrays(np.arange(10)).split(0.8, seed=1)
            >>> len(train), len(test)
            (8, 2)
        """
        parts = splitting.split_fractions(fractions)
        seed = checks.check_seed(seed)
        if by is None:
            totals = splitting.split_totals(len(self), parts)
            views = self._made.views(_core.Dataset.split, totals, seed)
            return tuple(self._with(view) for view in views)
        if by != "file":
            raise InvalidError(f"by={by!r}: a split is by None (rows) or by 'file'")
        if self._core.file_count == 0:
            raise InvalidError("by='file': this dataset is in memory, without files; use by=None")
        views = self._made.views(_core.Dataset.split_by_file, parts, seed)
        splitting.check_totals(len(self), parts, [view.core.rows for view in views])
        return tuple(self._with(view) for view in views)

    def filter(self, fn: Callable[[Any], Any], *, batch_rows: int | None = None) -> Dataset:
        """Returns the rows for which `fn` says True: a subset, 8 bytes per kept row.

        All rows are read once, now. A function of one column is simpler as a mask:
        ``ds.subset(ds["y"] > 0)``.

        Args:
            fn: Called with batches of numpy arrays, dicts or tuples as the rows are; returns an
                array with one bool per row.
            batch_rows: Rows per batch; None chooses. The last batch may be shorter.

        Raises:
            InvalidError: If `fn` returns anything but a mask, or no row is kept.
            TransformError: If `fn` raises; names the rows.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.array([0.5, -1, 2, 3]), y=np.arange(4))
            >>> ds.filter(lambda batch: (batch["x"] > 0) & (batch["y"] < 3))["y"][:].tolist()
            [0, 2]
        """
        return self._view(_core.Dataset.subset, filtering.kept_rows(self, fn, batch_rows))

    def with_row_ids(self, name: str | None = None) -> Dataset:
        """Returns the dataset with one more column: the number of each row in this dataset.

        The numbers (int64) follow their rows through `subset`, `split`, `concat` and the loader's
        shuffle, so that a batch says where its rows come from. They take no memory.

        Args:
            name: The new column's name. Tuple rows have no names: give none, and the new column
                is the last; or name them all first with `as_dict`.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds = hr.from_arrays(x=np.zeros(10)).with_row_ids("row")
            >>> ds.subset([7, 2, 5])["row"][:].tolist()
            [7, 2, 5]
        """
        if self._as_tuple:
            if name is not None:
                raise InvalidError(
                    f"tuple rows have no names, so the row ids cannot be {name!r}; name all "
                    f'columns first, ds.as_dict("x", ...).with_row_ids({name!r}), or give no name'
                )
            name = str(len(self._schema))
        elif name is None:
            raise InvalidError('named columns need a name for the new one: ds.with_row_ids("row")')
        checks.check_column_name(name)
        if name in self._schema:
            raise InvalidError(
                f"there is a column {name!r} already; give the row ids another name", column=name
            )
        return self._view(_core.Dataset.with_row_ids, name)

    def locate(self, row: int) -> tuple[str, int]:
        """Returns where a row comes from: a file ("" for an array in memory) and its row there.

        Of columns in several files it is the first column's; of a window its first row.

        Example:
            >>> import tempfile, numpy as np, headrace as hr
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     np.save(f"{folder}/part.npy", np.arange(4))
            ...     path, row = hr.open(f"{folder}/part.npy").subset([3, 1]).locate(0)
            >>> path.endswith("/part.npy"), row
            (True, 3)
        """
        if not indexing.is_row_number(row):
            raise InvalidError(f"a row is an int, not {row!r}")
        return self._core.locate(indexing.row_number(row, len(self)))

    @property
    def version(self) -> int | None:
        """The version of the dataset's directory that the rows come from, also in views.

        None for arrays and other files, and for rows of several directories or versions. Rows of
        it stay as they are, whatever is written later: ``hr.open(directory, version=ds.version)``
        opens them again.

        Example:
            >>> import tempfile, numpy as np, headrace as hr
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     for part in range(2):
            ...         with hr.Writer(folder) as writer:
            ...             writer.write(y=np.full(2, part))
            ...     hr.open(folder).version, hr.open(folder, version=1).subset([0]).version
            (2, 1)
        """
        return recipe.directory_version(self._made.recipe)

    @property
    def shard_ids(self) -> list[str]:
        """The ids of the shards that the rows lie in, in row order.

        Raises:
            InvalidError: If the rows do not lie in shards of a directory, in their order.
        """
        return self._shard_table().ids.copy()

    def shard(self, sid: str) -> Dataset:
        """Returns the rows of one shard.

        Raises:
            NotFoundError: If the dataset has no such shard.
        """
        return self.select_shards([sid])

    def select_shards(self, sids: Iterable[str]) -> Dataset:
        """Returns the rows of some shards, in the order of `sids`.

        Example:
            >>> import tempfile, numpy as np, headrace as hr
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     for part in range(3):
            ...         with hr.Writer(folder) as writer:
            ...             writer.write(y=np.full(2, part))
            ...     ds = hr.open(folder)
            ...     ds.select_shards(ds.shard_ids[1:])["y"][:].tolist()
            [1, 1, 2, 2]

        Raises:
            NotFoundError: If the dataset has no such shard.
        """
        return self._of_ranges(self._shard_table().rows(sids))

    def shards(self) -> Iterator[Dataset]:
        """Iterates over the shards, in row order, each as a dataset.

        While one is used, the next is asked for, so that it is there when its turn comes: of files
        up to 256 MiB into memory, of a store into the cache, where there is room for both.
        """
        table = self._shard_table()
        return _asked_for(self._of_ranges(table.rows([sid])) for sid in table.ids)

    def retain(
        self,
        *,
        newest: int | None = None,
        rows: int | None = None,
        age: int = dataset_versions.WEEK,
    ) -> Dataset:
        """Drops the oldest shards of the dataset's directory; returns its newest version.

        What other writers commit meanwhile stays, and so does what readers have: whoever opened an
        older version reads its files, which are there until a later version is `age` seconds old.
        Then a call of `retain` removes them, and such versions cannot be opened any more. (Files
        that are open when they are removed stay readable until they are closed.) In a store that
        takes the permission to list and to delete; without it they stay.

        Args:
            newest: How many shards stay.
            rows: How many rows stay at least: as many of the newest shards as it takes. Shards are
                never cut.
            age: How long readers of an older version are safe, in seconds.

        Raises:
            InvalidError: If the rows are not those of a directory, in their order.

        Example:
            >>> import tempfile, numpy as np, headrace as hr
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     for part in range(5):
            ...         with hr.Writer(folder) as writer:
            ...             writer.write(y=np.full(2, part))
            ...     ds = hr.open(folder).retain(newest=2)
            ...     ds["y"][:].tolist(), ds.version
            ([3, 3, 4, 4], 6)
        """
        return self._with(dataset_versions.retain(self._made, newest=newest, rows=rows, age=age))

    def to_arrow(self, batch_rows: int | None = None) -> Any:
        """Returns all rows as a pyarrow.RecordBatchReader, read batch by batch.

        What takes Arrow data takes it: ``polars.from_arrow(reader)``, DuckDB,
        ``pyarrow.parquet.write_table(reader.read_all(), ...)``. Tensors are nested lists of fixed
        size, csr a list of (indices, values), as they are stored, whatever layout shows them (so of
        `multi_hot` and `one_hot` the indices); functions such as `clip` and `cast` are applied.
        bfloat16, which Arrow does not have, is its bits as uint16, marked as in shards, so that
        headrace reads it back as what it was.

        Args:
            batch_rows: Rows of a record batch; None makes batches of about 16 MB.

        Raises:
            MissingDependencyError: If pyarrow is not installed.

        Example:
            >>> import numpy as np, headrace as hr
            >>> hr.from_arrays(y=np.arange(5)).to_arrow().read_all().column("y").to_pylist()
            [0, 1, 2, 3, 4]
        """
        return arrow_export.reader(self, batch_rows)

    def encode_labels(
        self, column: str, *, classes: Iterable[labels.Label] | None = None
    ) -> tuple[Dataset, list[labels.Label]]:
        """Returns the dataset with class ids in the place of labels, and the classes.

        The labels are text, bytes, whole numbers or bool; the ids (int64) are places in the list
        of classes. All labels are read once now; the ids take 8 bytes a row.

        Args:
            column: The column of labels.
            classes: The classes in their order, for example those of the training set for a test
                set; None takes the labels found, sorted.

        Raises:
            InvalidError: If a label is not among `classes`.
            UnsupportedError: If the column holds no labels.

        Example:
            >>> import numpy as np, headrace as hr
            >>> ds, classes = hr.from_arrays(y=np.array([30, 10, 30])).encode_labels("y")
            >>> ds["y"][:].tolist(), classes
            ([1, 0, 1], [10, 30])
        """
        position = self._schema.position(column)
        ids, found = labels.encode(self[column], self._schema[column], classes)
        made = recipe.from_arrays([column], [ids])
        others = [k for k in range(len(self._schema)) if k != position]
        if others:
            rest = self._made.view(_core.Dataset.select, others)
            order = [*range(1, len(others) + 1)]
            order.insert(position, 0)
            made = recipe.zip_columns([made, rest]).view(_core.Dataset.select, order)
        return self._with(made), found

    def _shard_table(self) -> ShardTable:
        if self._shards is None:
            self._shards = ShardTable(self)
        return self._shards

    def _of_ranges(self, ranges: list[range]) -> Dataset:
        parts = [self._made.view(_core.Dataset.slice, r.start, len(r), 1) for r in ranges]
        return self._with(parts[0] if len(parts) == 1 else recipe.concat(parts))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles how the dataset was made: files by path, arrays by value.

        A view pickles all rows of the arrays behind it, of the columns that it shows.
        """
        arguments = self._recipe()
        size = sum(array.nbytes for array in recipe.held(arguments[0]))
        if size > _LARGE_PICKLE:
            warnings.warn(
                f"pickling {self!r} copies {format_bytes(size)} of arrays; rows in files "
                "(hr.memmap, hr.open) are pickled as paths",
                stacklevel=2,
            )
        return _restore, arguments

    def __copy__(self) -> Dataset:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Dataset:
        return _restore(*copy.deepcopy(self._recipe(), memo))

    def _recipe(self) -> tuple[list[Any], bool, int | None]:
        """Returns the arguments of `_restore` that make this dataset again."""
        calls = recipe.steps(self._made.recipe)
        # An array that is gone cannot be needed; should that ever be wrong, it must not be silent.
        gone = any(array.gone for array in recipe.held(calls))
        return calls, self._as_tuple, self._core.fingerprint() if gone else None


def _asked_for(shards: Iterator[Dataset]) -> Iterator[Dataset]:
    """Yields the shards, each asked for while the one before is used."""

    def asked_for(shard: Dataset | None) -> _core.ComingRows | None:
        return None if shard is None else shard._core.ask_for(_ASKED_BYTES)

    # The first, too: or the second would come before it. What is asked for comes as long as the
    # result is there.
    current = next(shards, None)
    asked = [asked_for(current)]
    while current is not None:
        following = next(shards, None)
        asked.append(asked_for(following))
        yield current
        current = following
        del asked[0]


def _restore(calls: list[Any], as_tuple: bool, expected: int | None) -> Dataset:
    """Unpickles a dataset; `expected` is its content id, if it is to be checked."""
    dataset = Dataset(recipe.replay(calls), as_tuple=as_tuple)
    if expected is not None and dataset._core.fingerprint() != expected:
        raise InvalidError(f"{dataset!r} has other rows than the dataset that was pickled")
    return dataset

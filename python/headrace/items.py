"""Datasets in memory that a function makes out of items, once."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from typing import Any, Protocol

from headrace import checks, ordered_map, torch_bridge
from headrace.arrays import from_arrays
from headrace.dataset import Dataset
from headrace.errors import InvalidError
from headrace.item_columns import ItemColumns, holds_columns
from headrace.item_results import ItemResults, Rows
from headrace.native.lots import Call, map_lots
from headrace.native.transform import NativeTransform
from headrace.progress import Progress, reporting
from headrace.row_blocks import RowBlocks
from headrace.row_chunks import chunks


class Indexed(Protocol):
    """What has items by number, as the map-style datasets of torch."""

    def __len__(self) -> int:
        """Returns the number of items."""

    def __getitem__(self, index: int, /) -> Any:
        """Returns an item."""


def from_items(
    items: Iterable[Any] | Indexed,
    fn: Callable[[Any], Any],
    *,
    rows: Rows | None = None,
    threads: int | None = None,
    executor: Any = None,
    progress: Progress = None,
) -> Dataset:
    """Returns the dataset of ``fn(item)`` for every item, worked out now and kept in memory.

    Rows are in the order of the items, however they are worked out. `fn` may be any callable,
    written in Python or, for example, with pybind11 or PyO3. It returns an array, a tensor or a
    number (tuple rows of one column), a tuple of them (tuple rows), or a dict (dict rows): alike
    for every item in columns, dtypes and row shapes. Nothing is promoted: where one item gives an
    int and the next a float, that is an error. Results are copied, so `fn` may reuse its memory.

    With ``rows="many"`` columns may also be `ragged`, sparse (of scipy, `csr`) and lists of str or
    of bytes, which is all that native transforms make.

    Args:
        items: Anything to iterate over: paths, keys, records, a generator; or with a length and
            ``items[i]``, such as a Dataset of torch. Where ``items[i]`` itself is slow, let the
            threads call it: ``from_items(range(len(items)), items.__getitem__, threads=8)``.
        fn: Called once per item.
        rows: "one": each result is one row. "many": each result is any number of rows, also none,
            counted by its first dimension. None: "one", and "many" for native transforms.
        threads: Threads that call `fn`; helps where it waits for files or releases the GIL. None is
            1, and for native transforms one for each core: they run in threads of C++.
        executor: Calls `fn` instead: any object with ``submit`` as in concurrent.futures, such as a
            ProcessPoolExecutor or Dask's ``client.get_executor()``. It is not shut down. Items are
            sent in groups, two for each worker at a time.
        progress: True shows a bar with the time left, which needs tqdm; False nothing; None a bar
            if it takes some seconds, stderr is a terminal and tqdm is installed; a function is
            called with (done, total) a few times a second, total None where it is not known.

    Raises:
        TransformError: If `fn` raises; names the first such item. What is pending is cancelled.
        NotFoundError, IoError: If a native transform cannot read a file.
        InvalidError: If a result differs from the first, or there are no items.
        UnsupportedError: If a result has a type or dtype that headrace cannot keep.

    Example:
        >>> import numpy as np, headrace as hr
        >>> words = ["a", "head", "race"]
        >>> ds = hr.from_items(words, lambda word: {"letters": len(word), "x": np.zeros(2)})
        >>> ds
        headrace.Dataset(rows=3, columns=(letters: int64, x: float64[2]), in memory, 72 B)
        >>> many = hr.from_items([2, 0, 3], np.arange, rows="many", threads=2)
        >>> many["0"][:].tolist()
        [0, 1, 0, 1, 2]
    """
    if rows not in (None, "one", "many"):
        raise InvalidError(f'rows is "one" or "many" (rows per result), not {rows!r}')
    if rows is None:
        rows = "many" if isinstance(fn, NativeTransform) else "one"
    found: ItemArrays | ItemColumns | None = None
    total = len(items) if isinstance(items, Sized) else None
    with contextlib.ExitStack() as stack:
        outcomes = stack.enter_context(
            contextlib.closing(_outcomes(fn, items, rows, threads=threads, executor=executor))
        )
        report = stack.enter_context(reporting(progress, total))
        for index, item, result in outcomes:  # of native code a result may be that of several
            if found is None:
                found = _collection(fn, result, rows, total)
            found.add(index, item, result)
            report(index + 1)
    if found is None:
        raise InvalidError("there are no items; a dataset needs at least one row")
    return found.dataset()


def _collection(
    fn: Callable[[Any], Any], result: object, rows: Rows, total: int | None
) -> ItemArrays | ItemColumns:
    """Returns what collects results like the first one."""
    if rows == "many":
        # Of native transforms the kinds are known: a list of text may be empty in the first result.
        fields = fn.schema.values() if isinstance(fn, NativeTransform) else ()
        if holds_columns(result) or not all(field.is_tensor for field in fields):
            return ItemColumns()
    return ItemArrays(rows, total)


class ItemArrays:
    """Copies the arrays of each result into blocks of memory, which become one dataset."""

    def __init__(self, rows: Rows, total: int | None) -> None:
        """Takes how many items there are, None where that is not known."""
        self._results = ItemResults(rows)
        self._rows = rows
        self._total = total
        self._store: RowBlocks | None = None

    def add(self, index: int, item: object, result: object) -> None:
        """Takes the result for an item.

        Raises:
            InvalidError, UnsupportedError: If it is none, or not like the first.
        """
        arrays = self._results.arrays(index, item, result)
        if self._store is None:
            expected = self._total if self._rows == "one" else None
            self._store = RowBlocks(self._results.storage, rows=expected)
        if self._rows == "one":
            self._store.append_row(arrays)
        else:
            self._store.append_rows(arrays)

    def dataset(self) -> Dataset:
        """Returns the dataset of all rows.

        Raises:
            InvalidError: If there are none.
        """
        if self._store is None or self._store.rows == 0:
            raise InvalidError("all results have zero rows; a dataset needs at least one row")
        columns = {}
        for field, blocks in zip(self._results.fields, self._store.columns(), strict=True):
            if field.dtype == "bfloat16":
                blocks = [torch_bridge.bfloat16_from_bits(block) for block in blocks]
            columns[field.name] = chunks(blocks) if len(blocks) > 1 else blocks[0]
        as_tuple = self._results.as_tuple
        return from_arrays(*columns.values()) if as_tuple else from_arrays(**columns)


def _outcomes(
    fn: Callable[[Any], Any],
    items: Iterable[Any] | Indexed,
    rows: Rows,
    *,
    threads: int | None,
    executor: Any,
) -> Generator[ordered_map.Outcome, None, None]:
    items = _iterable(items)
    if not callable(fn):
        raise InvalidError(f"fn is called with every item, but {fn!r} is no function")
    if executor is None and rows == "many" and isinstance(fn, NativeTransform):
        return _native_outcomes(fn, items, threads=threads)
    if executor is None:
        number = (
            1
            if threads is None
            else checks.check_int("threads", threads, low=1, high=checks.MAX_THREADS)
        )
        if number == 1:
            return ordered_map.map_here(fn, items)
        return ordered_map.map_in_threads(fn, items, threads=number)
    if threads is not None:
        raise InvalidError(f"threads={threads!r} and executor= exclude each other; pass one")
    checks.check_executor(executor)
    return ordered_map.map_in_executor(fn, items, executor=executor)


def _native_outcomes(
    fn: NativeTransform, items: Iterable[Any], *, threads: int | None
) -> Generator[ordered_map.Outcome, None, None]:
    """Yields the rows of several items at a time, with the last of them and its index."""
    under_way, index = deque[Any](), -1

    def calls() -> Iterator[Call]:
        for position, item in enumerate(items):
            under_way.append(item)
            yield Call(item, position)

    with contextlib.closing(map_lots(fn, calls(), threads=threads)) as runs:
        for inputs, columns in runs:
            index += inputs
            item = [under_way.popleft() for _ in range(inputs)][-1]
            result = ordered_map.call_one(fn, index, item) if columns is None else columns
            yield index, item, result


def _iterable(items: Iterable[Any] | Indexed) -> Iterable[Any]:
    if isinstance(items, str | bytes):
        raise InvalidError(
            f"items is a list or another iterable, not {items!r}; for the files of a glob pass "
            "sorted(glob.glob(...)), or hr.files(...) for their bytes"
        )
    if isinstance(items, Iterable):
        return items
    if (
        isinstance(items, type)
        or not hasattr(items, "__len__")
        or not hasattr(items, "__getitem__")
    ):
        raise InvalidError(
            f"items is anything to iterate over, or with len() and [number], not {items!r}"
        )
    return _ByNumber(items)


class _ByNumber:
    """Items up to their length: iter() would go on until an IndexError, which not all raise."""

    def __init__(self, items: Indexed) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Any]:
        return (self._items[index] for index in range(len(self._items)))

"""The rows of a dataset of torch, written once and mapped ever after."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from headrace import checks, torch_bridge
from headrace.byte_sizes import byte_size
from headrace.conversion.build import Job
from headrace.conversion.commits import convert_inputs
from headrace.conversion.convert import version_of
from headrace.conversion.inputs import Inputs
from headrace.conversion.progress import Progress
from headrace.dataset import Dataset
from headrace.dataset_place import LocalPlace
from headrace.errors import InvalidError, TransformError
from headrace.items import Indexed
from headrace.opening import open as open_dataset

_MOST_PARTS = 16384
_LEAST_ROWS = 64  # of a part
_STEP_ROWS, _STEP_BYTES = 1024, 2**23


def cache(
    dataset: Indexed,
    directory: str | os.PathLike[str],
    *,
    version: str | None = None,
    num_workers: int = 0,
    multiprocessing_context: Any = None,
    shard_bytes: int | str = "128MB",
    progress: Progress = True,
) -> Dataset:
    """Calls ``dataset[i]`` once for each row, keeps the results as shards, and opens these.

    The way in for a map-style dataset of torch whose rows are slow to make: the first call takes
    as long as one epoch, every later one only opens `directory`. Killed at any time, the same call
    goes on where it was. Rows keep their order and their kind: tuple rows stay tuples, dicts dicts.
    What is random in ``__getitem__`` is drawn once: leave augmentations to a later transform.

    Args:
        dataset: Anything with a length and ``dataset[i]``. A row is a tuple, a list or a dict of
            arrays, tensors, numbers, str or bytes, or one of these; all rows are alike in shape.
        directory: Where the rows are kept.
        version: What the dataset is called. The default is a hash of its code and of what it
            holds; files that it reads do not count, so name another version when they change.
        num_workers: Processes that call ``dataset[i]``; 0 is this thread.
        multiprocessing_context: How they are started, as in torch: "fork", "spawn", "forkserver"
            or a context of multiprocessing; None is the default of Python.
        shard_bytes: How large a shard is, as bytes or as in "256MB".
        progress: As in `convert`.

    Raises:
        TransformError: If ``dataset[i]`` raises; names the row.
        InvalidError: If rows differ, there are none, or `directory` holds another version.

    Example:
        >>> import tempfile, torch, headrace as hr
        >>> from torch.utils.data import TensorDataset
        >>> slow = TensorDataset(torch.arange(6.0).reshape(3, 2), torch.tensor([0, 1, 0]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ds = hr.cache(slow, folder)
        ...     x, y = ds[1]
        ...     print(len(ds), x, y)
        3 [2. 3.] 1
    """
    rows = _count(dataset)
    workers = checks.check_int("num_workers", num_workers, low=0, high=checks.MAX_THREADS)
    options = {
        "transform": type(dataset).__qualname__,
        "version": version_of("the dataset", dataset, version),
        "length": str(rows),
    }
    step = max(_LEAST_ROWS, -(-rows // _MOST_PARTS))
    parts = [range(first, min(first + step, rows)) for first in range(0, rows, step)]
    job = Job(
        place=LocalPlace(checks.check_directory(directory)),
        transform=_Rows(dataset) if workers == 0 else _rows_of_worker,
        rows="many",
        shard_bytes=byte_size("shard_bytes", shard_bytes),
        columns=None,
        fill=None,
        skip=False,
    )
    inputs = Inputs(parts, transforms=True)
    with _processes(dataset, workers, multiprocessing_context) as executor:
        convert_inputs(inputs, job, options, executor=executor, progress=progress)
    return open_dataset(job.place.name)


def _count(dataset: Any) -> int:
    has_items = hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")
    if not has_items or isinstance(dataset, type | str | bytes):
        raise InvalidError(
            f"dataset needs len() and dataset[i], as map-style datasets of torch; found {dataset!r}"
        )
    if len(dataset) == 0:
        raise InvalidError("the dataset is empty; it needs at least one row")
    return len(dataset)


class _Rows:
    """Gives the rows of a range as columns, in steps of some megabytes."""

    def __init__(self, dataset: Indexed) -> None:
        self._dataset = dataset

    def __call__(self, rows: range) -> Iterator[Any]:
        """Yields dicts of columns, or tuples where rows are tuples."""
        names: list[Any] | None = None
        columns: list[list[Any]] = []
        size = 0
        for row in rows:
            found, values = self._read(row)
            if names is None:
                names, columns = found, [[] for _ in values]
            elif found != names:
                raise InvalidError(
                    f"dataset[{row}] has the columns {found}, and dataset[{rows[0]}] has {names}; "
                    "return the same for every row"
                )
            for column, value in zip(columns, values, strict=True):
                column.append(value)
            size += sum(map(_size, values))
            if size >= _STEP_BYTES or len(columns[0]) == _STEP_ROWS:
                yield _step(names, columns)
                columns, size = [[] for _ in values], 0
        if names is not None and columns[0]:
            yield _step(names, columns)

    def _read(self, row: int) -> tuple[list[Any], list[Any]]:
        """Returns the names and the values of a row; positions are names of tuples."""
        try:
            found = self._dataset[row]
        except Exception as error:
            raise TransformError(
                f"dataset[{row}] raised {type(error).__name__}: {error}", row=row
            ) from error
        if isinstance(found, Mapping) and found:
            names, values = list(found), list(found.values())
            _check_names(row, names)
        else:
            values = list(found) if isinstance(found, tuple | list) else [found]
            names = list(range(len(values)))
        if not values:
            raise InvalidError(f"dataset[{row}] is an empty {type(found).__name__}", row=row)
        for name, value in zip(names, values, strict=True):
            if value is None:
                raise InvalidError(
                    f"dataset[{row}] has None as {name!r}, and columns hold no nulls; return a "
                    "value that stands for it, such as -1 or an empty str",
                    row=row,
                )
        return names, values


def _check_names(row: int, names: list[Any]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise InvalidError(
                f"dataset[{row}] is a dict with the key {name!r}, and columns are named by str; "
                "return a tuple for columns without names, or name them: "
                "{str(key): value for key, value in row.items()}",
                row=row,
            )


def _step(names: list[Any], columns: list[list[Any]]) -> Any:
    if names == list(range(len(names))):
        return tuple(columns)
    return dict(zip(names, columns, strict=True))


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    return int(getattr(value, "nbytes", 8))


_dataset_of_worker: Any = None


def _start_worker(dataset: Indexed) -> None:
    """Begins a process: Ctrl-C is for the process that waits for this one."""
    global _dataset_of_worker  # noqa: PLW0603 (a task would carry the dataset each time)
    _dataset_of_worker = dataset
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch_bridge.use_one_thread()


def _rows_of_worker(rows: range) -> Iterator[Any]:
    return _Rows(_dataset_of_worker)(rows)


@contextlib.contextmanager
def _processes(dataset: Indexed, workers: int, context: Any) -> Iterator[Any]:
    """Yields an executor of processes that hold the dataset, None for no workers."""
    if workers == 0:
        yield None
        return
    if context is None or isinstance(context, str):
        context = multiprocessing.get_context(context)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (dataset,))
    try:
        yield pool
    except BaseException:
        # What they are at is lost: waiting for it would only keep the user waiting.
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()

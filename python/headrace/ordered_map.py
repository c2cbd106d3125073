"""A function over items, in this thread or in those of an executor; results in the items' order.

1. Items go to an executor in chunks, and not more chunks than twice its workers are under way, so
   that memory is bounded however many items there are.
2. A chunk begins as one item and grows while chunks take less than some milliseconds: tiny items
   would cost less than their way to another process and back.
3. Chunks are awaited in their order, so the first item that fails is the one that is reported.
   What is pending is cancelled then, and threads of ours stop after the item at hand.
"""

from __future__ import annotations

import itertools
import os
import reprlib
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from headrace.errors import HeadraceError, TransformError
from headrace.native.transform import call_for

# Index, item, result.
Outcome = tuple[int, Any, Any]

_SHORT_S, _LONG_S = 0.01, 0.1  # chunks that take less grow, those that take more shrink
_LARGEST_CHUNK = 1024
_UNKNOWN_WORKERS = 32  # at least this many are assumed where an executor does not tell

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 100


def name_item(index: int, item: object) -> str:
    """Returns how messages name an item."""
    return f"item {index} ({' '.join(_short.repr(item).split())})"


def map_here(fn: Callable[[Any], Any], items: Iterable[Any]) -> Generator[Outcome, None, None]:
    """Yields the outcome of every item, worked out in this thread.

    Raises:
        TransformError: If `fn` raises; names the item.
        HeadraceError: If `fn` raises one of these; it is about the item then.
    """
    for index, item in enumerate(items):
        yield index, item, call_one(fn, index, item)


def call_one(fn: Callable[[Any], Any], index: int, item: object) -> Any:
    """Returns the result for one item; raises what `_failure` says if `fn` raises."""
    try:
        return call_for(fn, item, index)
    except Exception as error:
        raise _failure(index, item, error) from error


def map_in_threads(
    fn: Callable[[Any], Any], items: Iterable[Any], *, threads: int
) -> Generator[Outcome, None, None]:
    """Yields the outcome of every item, worked out in threads of its own."""
    stop = threading.Event()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="headrace-items")
    try:
        yield from _map(pool, fn, items, workers=threads, stop=stop)
    except BaseException:
        # Not awaited: the items under way may take as long as they like.
        stop.set()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def map_in_executor(
    fn: Callable[[Any], Any], items: Iterable[Any], *, executor: Any
) -> Generator[Outcome, None, None]:
    """Yields the outcome of every item, worked out by an object that has ``submit``."""
    yield from _map(executor, fn, items, workers=count_workers(executor), stop=None)


def count_workers(executor: Any) -> int:
    """Returns how many workers an executor has, or enough where it does not tell."""
    workers = getattr(executor, "_max_workers", None)  # of all executors in the standard library
    if isinstance(workers, int):
        return workers
    return max(_UNKNOWN_WORKERS, os.cpu_count() or 1)


class _Task(NamedTuple):
    first: int  # index of the first item
    items: list[Any]
    future: Any


class _Done(NamedTuple):
    results: list[Any]
    error: Exception | None  # of the item behind the last result
    text: str  # its traceback, which the way from another process loses
    seconds: float


class RemoteError(Exception):
    """Shows the traceback of an exception of another process, as its cause."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def _map(
    executor: Any,
    fn: Callable[[Any], Any],
    items: Iterable[Any],
    *,
    workers: int,
    stop: threading.Event | None,
) -> Iterator[Outcome]:
    source, first, size = iter(items), 0, 1
    largest = _largest_chunk(items, workers)
    pending: deque[_Task] = deque()
    try:
        while True:
            while len(pending) < 2 * workers and (chunk := list(itertools.islice(source, size))):
                pending.append(_submit(executor, fn, first, chunk, stop))
                first += len(chunk)
            if not pending:
                return
            task = pending.popleft()
            done = _await(task)
            for k, result in enumerate(done.results):
                yield task.first + k, task.items[k], result
            if done.error is not None:
                raise _remote_failure(task, done) from done.error
            if done.seconds < _SHORT_S:
                size = min(2 * size, largest)
            elif done.seconds > _LONG_S:
                size = max(1, size // 2)
    finally:
        for task in pending:
            task.future.cancel()


def _largest_chunk(items: Any, workers: int) -> int:
    """Returns a size of chunks with which every worker gets some."""
    if not hasattr(items, "__len__"):
        return _LARGEST_CHUNK
    return max(1, min(_LARGEST_CHUNK, len(items) // (4 * workers)))


def _submit(
    executor: Any,
    fn: Callable[[Any], Any],
    first: int,
    chunk: list[Any],
    stop: threading.Event | None,
) -> _Task:
    try:
        return _Task(first, chunk, executor.submit(_run, fn, first, chunk, stop))
    except Exception as error:
        raise _executor_failure(first, chunk, error) from error


def _run(
    fn: Callable[[Any], Any], first: int, chunk: list[Any], stop: threading.Event | None
) -> _Done:
    """Works out a chunk, in a worker."""
    began = time.perf_counter()
    results: list[Any] = []
    for index, item in enumerate(chunk, first):
        if stop is not None and stop.is_set():
            break  # nobody waits for it
        try:
            results.append(call_for(fn, item, index))
        except Exception as error:  # noqa: BLE001 (it is raised where the results are awaited)
            text = traceback.format_exc()
            return _Done(results, error, text, time.perf_counter() - began)
    return _Done(results, None, "", time.perf_counter() - began)


def _await(task: _Task) -> _Done:
    try:
        done: _Done = task.future.result()
    except Exception as error:
        raise _executor_failure(task.first, task.items, error) from error
    return done


def _failure(index: int, item: object, error: Exception) -> HeadraceError:
    """Returns the error of an item: one of headrace about it, such as a file that is missing."""
    if isinstance(error, HeadraceError) and not isinstance(error, TransformError):
        return error.about(name_item(index, item))
    return TransformError(f"fn raised {type(error).__name__} for {name_item(index, item)}: {error}")


def _remote_failure(task: _Task, done: _Done) -> HeadraceError:
    assert done.error is not None
    if done.error.__traceback__ is None:
        done.error.__cause__ = RemoteError(done.text)
    k = len(done.results)
    return _failure(task.first + k, task.items[k], done.error)


def _executor_failure(first: int, chunk: list[Any], error: Exception) -> TransformError:
    last = first + len(chunk) - 1
    where = name_item(first, chunk[0]) + (f" to {last}" if last > first else "")
    return TransformError(
        f"the executor failed at {where} with {type(error).__name__}: {error}; for processes, fn "
        "must be defined at the top of a module, and items and results must be picklable"
    )

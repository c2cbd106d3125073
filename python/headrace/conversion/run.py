"""A conversion at work: parts become shards here or in workers, and are committed in order.

1. Without an executor, parts are read one after the other, and what fills a shard is committed.
2. With one, groups of parts are built at the same time. What comes back early waits for its turn:
   a group is committed when all parts before it are. The first group is one part, awaited alone,
   since it says what the columns are.
3. At most twice as many groups as there are workers are under way or waiting, so that little is
   lost when the conversion is killed, and disk space and memory are bounded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Any

from headrace.conversion.build import GROUP_S, Built, Failure, Job, Report, build, build_whole
from headrace.conversion.plan import Group, Groups, Part
from headrace.errors import HeadraceError, TransformError
from headrace.ordered_map import RemoteError, count_workers

Commit = Callable[[Built], None]
Drop = Callable[[Built], None]


def run_here(job: Job, parts: Iterator[Part], *, commit: Commit, report: Report) -> None:
    """Builds and commits all parts in this thread.

    Raises:
        HeadraceError: What the first part that failed raised, unless the job skips these.
    """
    with contextlib.closing(build(job, parts, within=True, report=report)) as groups:
        for built in groups:
            commit(built)
            _raise_failure(job, built)


def run_in_executor(
    job: Job,
    parts: Iterator[Part],
    *,
    executor: Any,
    total: int | None,
    unit: int,
    commit: Commit,
    drop: Drop,
) -> None:
    """Builds all parts in the workers of an executor and commits them from here.

    Args:
        job: What the workers are told.
        parts: What there is to do.
        executor: Anything with ``submit`` that returns futures of ``concurrent.futures``.
        total: The weight of all parts, None where it is not known.
        unit: The least weight of a group that is worth its way to a worker.
        commit: Called with what was built, in order.
        drop: Called with what was built and will not be committed.

    Raises:
        HeadraceError: What the first part that failed raised, unless the job skips these; or that
            the executor failed.
    """
    workers = count_workers(executor)
    share = None if total is None else max(unit, total // (4 * workers))
    groups = Groups(parts, shard_bytes=job.shard_bytes, share=share)
    run = _Run(job, groups, executor, workers)
    try:
        while run.advance():
            for built in run.ready():
                commit(built)
                _raise_failure(job, built)
    finally:
        run.stop(drop)


class _Run:
    """The groups that are under way, and those that wait for their turn."""

    def __init__(self, job: Job, groups: Groups, executor: Any, workers: int) -> None:
        self._job, self._groups, self._executor = job, groups, executor
        self._most = 2 * workers
        self._running: dict[Future[Built], Group] = {}
        self._waiting: dict[int, Built] = {}  # by the number of their first part
        self._next = 0  # the part that is committed next
        self._knows = bool(job.fields)
        self._has_failed = False

    def advance(self) -> bool:
        """Submits what may begin and awaits what ends first; False once there is nothing."""
        while len(self._running) < self._most:
            if not self._knows and self._running:
                break
            new = len(self._running) + len(self._waiting) < self._most
            group = self._groups.take(new=new and not self._has_failed, one=not self._knows)
            if group is None:
                break
            self._running[self._submit(group)] = group
        if not self._running:
            return False
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            self._receive(self._running.pop(future), future)
        return True

    def ready(self) -> Iterator[Built]:
        """Yields what may be committed, in order."""
        while (built := self._waiting.pop(self._next, None)) is not None:
            self._next += built.parts
            if built.fields and not self._knows:
                self._knows = True
                self._job = replace(self._job, fields=built.fields, as_tuple=built.as_tuple)
            yield built

    def stop(self, drop: Drop) -> None:
        """Cancels what has not begun, and drops what was built in vain."""
        for future in self._running:
            # What ends later than this is collected by age, as all shards without a manifest.
            future.cancel()
            if future.done() and not future.cancelled() and future.exception() is None:
                drop(future.result())
        for built in self._waiting.values():
            drop(built)

    def _submit(self, group: Group) -> Future[Built]:
        try:
            future: Future[Built] = self._executor.submit(build_whole, self._job, group.parts)
        except Exception as error:
            raise _executor_failure(group, error) from error
        return future

    def _receive(self, group: Group, future: Future[Built]) -> None:
        try:
            built = future.result()
        except HeadraceError:
            raise  # the storage failed, not an input
        except Exception as error:
            raise _executor_failure(group, error) from error
        left = group.parts[built.parts :]
        if built.failures and not self._job.skip:
            self._has_failed = True  # nothing behind it is of use
        elif left:
            self._groups.give_back(Group(group.first + built.parts, left))
        self._groups.learn(
            built.weight, built.parts, full=bool(left), quick=built.seconds < GROUP_S / 2
        )
        self._waiting[group.first] = built


def _raise_failure(job: Job, built: Built) -> None:
    if built.failures and not job.skip:
        raise to_raise(built.failures[-1])


def to_raise(failure: Failure) -> HeadraceError:
    """Returns the error of a failure, with the traceback that the way from a worker loses."""
    if failure.error.__traceback__ is None and failure.error.__cause__ is None:
        failure.error.__cause__ = RemoteError(failure.text)
    return failure.error


def _executor_failure(group: Group, error: Exception) -> TransformError:
    return TransformError(
        f"the executor failed with {type(error).__name__}: {error}, at {group.parts[0].input.name} "
        "or behind it; for processes, the transform must be defined at the top of a module, and "
        "transform and items must be picklable. What is committed stays: convert again to go on"
    )

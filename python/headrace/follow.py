"""Rows of a dataset that grows, in stages: what `Loader(follow=...)` reads.

1. Rows are counted in the order of their commits, from the first one ever committed: retention
   drops rows from the front, and the others keep their numbers.
2. Stage s is the rows [s n, (s + 1) n), where n is `stage_rows`. It is there as soon as they are
   committed, by whatever commits, and never changes. So nothing depends on when a process looks.
3. A stage is to the loader what an epoch is otherwise: number s, with an order of its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple

from headrace import _core, checks, dataset_versions, recipe
from headrace.dataset import Dataset
from headrace.errors import ChangedError, InvalidError, IoError, NotFoundError, TruncatedError
from headrace.stores.store_directory import StoreDirectory

_MAX_POLL_S = 24 * 3600
_LOOK_S = 0.02  # between two questions whether a look in the background is done
_TELL_S = 5.0  # that somebody waits so long, and twice, four times, ... as long, is told on stderr
_AGAIN_S = 5.0  # at most until the next look, after one that failed


@dataclass(frozen=True, kw_only=True)
class Follow:
    """How a `Loader` takes up rows that are committed while it runs.

    Attributes:
        stage_rows: Rows of a stage. A shuffle mixes the rows of one stage, and a stage begins when
            all of its rows are committed. A multiple of the rows of a batch on all ranks leaves no
            tails.
        poll_s: Seconds between two looks for a newer version, when rows are waited for.

    Example:
        >>> import headrace as hr
        >>> hr.Follow(stage_rows=1_000_000)
        Follow(stage_rows=1000000, poll_s=1.0)
    """

    stage_rows: int = 65_536
    poll_s: float = 1.0

    def __post_init__(self) -> None:
        rows = checks.check_int("stage_rows", self.stage_rows, low=1, high=2**40)
        object.__setattr__(self, "stage_rows", rows)
        poll: object = self.poll_s
        if (
            isinstance(poll, bool)
            or not isinstance(poll, (int, float))
            or not (0 < poll <= _MAX_POLL_S)
        ):
            raise InvalidError(f"poll_s={poll!r}: it is seconds, more than 0 and at most a day")


def check_follow(follow: object) -> Follow | None:
    """Returns the `follow` argument of a loader, None for False, or raises InvalidError."""
    if isinstance(follow, bool):
        return Follow() if follow else None
    if isinstance(follow, Follow):
        return follow
    raise InvalidError(f"follow={follow!r}: it is False, True or hr.Follow(...)")


class Stages:
    """The stages of the dataset behind `dataset`, each opened when it is there.

    Attributes:
        follow: How they are followed.
        rows: Of each stage.
        first: The first stage of which the given version has all rows, or may get them.
        dataset_id: What tells the dataset from others, whatever is added.
    """

    def __init__(self, dataset: Dataset, follow: Follow) -> None:
        """Raises InvalidError for a dataset that does not grow."""
        self.follow = follow
        self.rows = follow.stage_rows
        self._versions = dataset_versions.versions_of(dataset._made, "follow=")
        self._opened = dataset
        assert dataset.version is not None  # a directory has one
        self._version = dataset.version
        if isinstance(self._versions, StoreDirectory):
            self._versions.newest()  # so that a later look sees whether it was made anew
        info = self._versions.read(self._version)
        self._first_row: int = info["first_row"]
        self.first = -(-self._first_row // self.rows)
        self.dataset_id: str = info["dataset"]
        self._seen = (self._version, self._first_row + len(dataset))  # by the last look
        self._stages: dict[int, Dataset] = {}  # the last few that were asked for
        self._next_look = 0.0
        # Training does not wait for the network while it has rows, nor end with it at once.
        self._store = self._versions if isinstance(self._versions, StoreDirectory) else None
        self._looking: _Look | None = None
        self._failing: _Failing | None = None

    def get(self, stage: int) -> Dataset | None:
        """Returns the rows of a stage; None where they are not all there at this look.

        Looks are `poll_s` apart, however often this is called.

        Raises:
            NotFoundError: If some of the rows were dropped, or the dataset is gone.
        """
        if stage in self._stages:
            return self._stages[stage]
        if not self._holds(stage):
            self._look_for(stage)
        return self._open(stage) if self._holds(stage) else None

    def wait(self, stage: int, cancelled: threading.Event) -> Dataset | None:
        """Returns the rows of a stage as soon as they are there; None when `cancelled` is set.

        A line on stderr says so when that takes long.

        Raises:
            NotFoundError: If some of the rows were dropped, or the dataset is gone.
        """
        began, tell_after = time.monotonic(), _TELL_S
        while not cancelled.is_set():
            found = self.get(stage)
            if found is not None:
                return found
            now = time.monotonic()
            if now - began >= tell_after:
                self._tell(stage, now - began)
                tell_after *= 2
            pause = _LOOK_S if self._looking else self._next_look - now
            cancelled.wait(max(0.0, min(pause, began + tell_after - now)))
        return None

    def _tell(self, stage: int, waited: float) -> None:
        """Says on stderr what is waited for."""
        if sys.stderr is None:
            return
        start, end = stage * self.rows, (stage + 1) * self.rows
        version, rows = self._seen
        failing = "" if self._failing is None else f"; the last look failed: {self._failing.why}"
        if self._looking is not None and (silent := time.monotonic() - self._looking.began) > 1:
            failing += f"; the store has not answered a look for {silent:.0f} s"
        sys.stderr.write(
            f"headrace: has waited {waited:.0f} s for rows [{start}, {end}) of "
            f"{self._versions.path}, stage {stage}: version {version} ends with row {rows - 1}, "
            f"and {end - rows} rows are still to be committed{failing}\n"
        )
        sys.stderr.flush()

    def _holds(self, stage: int) -> bool:
        """Whether the opened version has all rows of a stage."""
        start = stage * self.rows
        end = self._first_row + len(self._opened)
        return self._first_row <= start and start + self.rows <= end

    def _look_for(self, stage: int) -> None:
        """Opens the newest version, if it has all rows of a stage, and a look is due."""
        look = self._looking
        if look is None or look.process != os.getpid():  # in a fork there is no thread to end it
            if time.monotonic() < self._next_look:
                return
            began = time.monotonic()
            found = _begin(lambda: self._find(stage), in_background=self._store is not None)
            self._looking = look = _Look(stage, os.getpid(), began, found)
        if not look.found.done():
            return
        self._looking = None
        self._next_look = time.monotonic() + self.follow.poll_s
        error = look.found.exception()
        if error is not None and stage != look.stage:
            return  # of a stage that is not asked for any more
        if error is not None and self._may_pass(error, look.began):
            self._next_look = time.monotonic() + min(self.follow.poll_s, _AGAIN_S)
            return
        self._failing = None
        newer = look.found.result()
        if newer is not None:
            self._opened, self._version, self._first_row = newer

    def _may_pass(self, error: BaseException, began: float) -> bool:
        """Whether to look again after an error: a store has as long for it as for a shard."""
        is_outage = isinstance(error, IoError | TruncatedError)
        if self._store is None or not is_outage or isinstance(error, ChangedError):
            return False
        since = began if self._failing is None else self._failing.since
        self._failing = _Failing(since, str(error))
        return time.monotonic() - since < self._store.patience

    def _find(self, stage: int) -> _Newer | None:
        newest = self._versions.newest()
        try:
            info = self._newest_info(newest)
            self._check_kept(stage, info)
            self._seen = (newest, info["first_row"] + info["rows"])
            if info["first_row"] + info["rows"] < (stage + 1) * self.rows:
                return None
            made = recipe.at_version(self._opened._made.recipe, newest)
        except NotFoundError:
            if self._versions.newest() == newest:
                raise
            return None  # removed already, after a newer one was committed
        return _Newer(self._opened._with(made), newest, info["first_row"])

    def _newest_info(self, newest: int) -> dict[str, Any]:
        path = self._versions.path
        if newest < self._version:
            raise NotFoundError(f"{path} had version {self._version} and is gone", file=path)
        info = self._versions.read(newest)
        if info["dataset"] != self.dataset_id:
            raise InvalidError(
                f"{path} is another dataset than the one that was opened: somebody has made it "
                "anew; make another loader",
                file=path,
            )
        return info

    def _open(self, stage: int) -> Dataset:
        start = stage * self.rows - self._first_row
        rows = self._opened._view(_core.Dataset.slice, start, self.rows, 1)
        # One is read while the next is prepared; those before are of no use.
        self._stages = {n: ds for n, ds in self._stages.items() if n == stage - 1} | {stage: rows}
        return rows

    def _check_kept(self, stage: int, info: dict[str, Any]) -> None:
        first_row = info["first_row"]
        if stage * self.rows < first_row:
            oldest = -(-first_row // self.rows)
            path = self._versions.path
            raise NotFoundError(
                f"rows of stage {stage} were dropped: it begins with row {stage * self.rows}, and "
                f"version {info['version']} of {path} with row {first_row}; go on with stage "
                f"{oldest} by set_epoch({oldest}), and retain more rows than training may lag "
                "behind",
                file=path,
            )


class _Newer(NamedTuple):
    """A version that was opened."""

    dataset: Dataset
    version: int
    first_row: int


class _Look(NamedTuple):
    """A look for a newer version that is under way."""

    stage: int
    process: int
    began: float
    found: Future[_Newer | None]


class _Failing(NamedTuple):
    """What became of all looks since one."""

    since: float
    why: str


def _begin(look: Callable[[], _Newer | None], *, in_background: bool) -> Future[_Newer | None]:
    """Makes a look, here or in a thread that nobody has to wait for."""
    found: Future[_Newer | None] = Future()

    def run() -> None:
        try:
            found.set_result(look())
        except BaseException as error:  # noqa: BLE001  # raised where it is asked for
            found.set_exception(error)

    if in_background:
        threading.Thread(target=run, name="headrace-follow", daemon=True).start()
    else:
        run()
    return found

"""Progress of work that takes long: the one module that knows tqdm, which headrace never needs."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from headrace.errors import InvalidError, MissingDependencyError

Progress = bool | Callable[[int, "int | None"], object] | None

_EVERY_S = 0.1
_QUIET_S = 3.0  # work that takes no longer shows nothing, unless asked


@contextlib.contextmanager
def reporting(progress: Progress, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yields a function to be told how many items are done; shows it as `progress` says.

    True is a bar of tqdm, False nothing, a function is called with (done, total) now and then and
    at the end, and None is a bar where stderr is a terminal, tqdm is installed and the work takes
    some seconds.
    """
    if progress is None or isinstance(progress, bool):
        bar = _make_bar(total, asked=progress is True) if progress is not False else None
        if bar is None:
            yield lambda done: None
            return
        with bar, _throttled(lambda done: bar.update(done - bar.n)) as report:
            yield report
    elif callable(progress):
        with _throttled(lambda done: progress(done, total)) as report:
            yield report
    else:
        raise InvalidError(
            f"progress is True, False, None or a function of (done, total), not {progress!r}"
        )


@contextlib.contextmanager
def _throttled(show: Callable[[int], object]) -> Iterator[Callable[[int], None]]:
    due, latest, shown = time.monotonic() + _EVERY_S, 0, -1

    def report(done: int) -> None:
        nonlocal due, latest, shown
        latest = done
        if time.monotonic() >= due:
            show(done)
            due, shown = time.monotonic() + _EVERY_S, done

    yield report
    if shown != latest:
        show(latest)


def _make_bar(total: int | None, *, asked: bool) -> Any:
    if not asked and (sys.stderr is None or not sys.stderr.isatty()):
        return None
    try:
        tqdm = importlib.import_module("tqdm.auto").tqdm
    except ImportError as error:
        if not asked:
            return None
        raise MissingDependencyError(
            f'progress=True needs tqdm, which cannot be imported ({error}); install it with "pip '
            'install tqdm", or pass a function of (done, total)'
        ) from error
    return tqdm(total=total, unit="item", delay=0 if asked else _QUIET_S)

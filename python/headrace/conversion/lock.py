"""One conversion at a time into a directory: two would both do what neither has committed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from collections.abc import Iterator

from headrace.errors import InvalidError

_NAME = ".convert.lock"
_BUSY = (errno.EACCES, errno.EAGAIN)

_guard = threading.Lock()
_held: set[str] = set()  # a lock of a process does not keep out its own threads


@contextlib.contextmanager
def exclusive(directory: str) -> Iterator[None]:
    """Keeps other conversions out of `directory` until the block ends, or the process does.

    The lock is one of the process: worker processes that outlive it hold nothing. On a file system
    without locks, only conversions of this process are kept out.

    Raises:
        InvalidError: If another conversion is at work there.
    """
    os.makedirs(directory, exist_ok=True)
    name = os.path.realpath(directory)
    with _guard:
        if name in _held:
            raise _busy(directory)
        _held.add(name)
    try:
        with open(os.path.join(directory, _NAME), "ab") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _BUSY:
                    raise _busy(directory) from error
            yield
    finally:
        with _guard:
            _held.discard(name)


def _busy(directory: str) -> InvalidError:
    return InvalidError(
        f"another conversion into {directory!r} is running; wait for it, or convert into a "
        "directory of its own and join the datasets with hr.concat",
        file=directory,
    )

"""What functions of users raised in threads of ours, until the core raises an error about it.

An error of the core is text. Where the exception behind it is one of Python, the thread that caught
it leaves it here, and the error that is raised, in whichever thread, takes it as its `__cause__`.
"""

from __future__ import annotations

import contextlib
import traceback
from collections import deque
from dataclasses import dataclass

# Each of them may wait for the batch that it belongs to; what is pushed out is missed, not wrong.
_MOST = 64


@dataclass(frozen=True, eq=False)
class _Kept:
    about: str
    what: str
    error: BaseException
    owner: object


_kept: deque[_Kept] = deque(maxlen=_MOST)


def keep(about: str, what: str, error: BaseException, *, owner: object) -> None:
    """Keeps an exception for an error about the file or shard `about` whose message has `what`.

    `forget` of its `owner` ends that. Call it in threads of ours only: the frames of a traceback
    lead to those that called them, with all that these have.
    """
    # Variables of the function may be all the data that it was about to return.
    traceback.clear_frames(error.__traceback__)
    _kept.append(_Kept(about, what, error, owner))


def find(about: str, message: str) -> BaseException | None:
    """Takes out what is kept for an error with this `file` and message; the last of several."""
    found = [kept for kept in tuple(_kept) if kept.about == about and kept.what in message]
    for kept in found:
        with contextlib.suppress(ValueError):  # another thread has taken it, too
            _kept.remove(kept)
    return found[-1].error if found else None


def forget(owner: object) -> None:
    """Keeps nothing any more that `owner` has left here: nobody will ask for it."""
    for kept in tuple(_kept):
        if kept.owner is owner:
            with contextlib.suppress(ValueError):  # it was taken, or newer ones have pushed it out
                _kept.remove(kept)

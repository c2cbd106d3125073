"""What happens to all loaders of a process when it exits or forks."""

from __future__ import annotations

import atexit
import os
import weakref
from typing import TYPE_CHECKING

from headrace import torch_bridge

if TYPE_CHECKING:
    from headrace.loader import Loader

_EXIT_GRACE_SECONDS = 5.0  # for transforms that are still running

_loaders: weakref.WeakSet[Loader] = weakref.WeakSet()


def add(loader: Loader) -> None:
    """Counts a loader as one of this process, as long as it lives."""
    _loaders.add(loader)


@atexit.register
def _close() -> None:
    # Threads must be joined while the interpreter still stands.
    for loader in list(_loaders):
        loader._close_pass(grace=_EXIT_GRACE_SECONDS)


def _share() -> None:
    # The child may be a worker of a DataLoader.
    if torch_bridge.is_loaded():
        for loader in list(_loaders):
            loader._epochs.share()


os.register_at_fork(before=_share)

"""Which epoch the workers of a torch DataLoader read: agreed on through a small shared file.

A DataLoader without persistent workers starts new processes for every epoch, each with a fresh copy
of the loader, which alone would begin at the same epoch again. So the copies share an anonymous
file (memfd), inherited by fork and passed on by spawn and forkserver:

1. The file holds the epoch and the position of the next pass. The process that owns the loader
   writes them when the user changes them.
2. A worker that begins a pass locks the file and looks for its DataLoader's iteration in a table.
   torch draws a seed for each iteration and tells it to all of its workers; the passes that one
   persistent worker begins are counted as well. If the iteration is not there, or this worker has
   been there already (for a user may give every iteration the same seed), it is a new one, takes
   the next pass, and advances it.

The file has two slots and a header that names the one in use. What changes is written to the other
slot, and then the header, so that a process which is killed at any point leaves a whole content.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import threading
from collections.abc import Iterator
from multiprocessing import reduction
from typing import Any

_KEPT = 16  # iterations; more than are ever alive at once
_HEADER = struct.Struct("<II")  # the slot in use, and the bytes in it
_SLOT_BYTES = 1 << 20  # holes of the file take no memory

Iteration = tuple[int, int]  # the DataLoader's seed, and the number of the pass in its workers
Point = tuple[int, int]  # epoch and position


class _Threads:
    """Lets one thread of this process in at a time; locks of a file exclude processes only.

    A thread may enter again, as a signal's handler does that asks for the state while it is being
    changed.
    """

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Forgets the thread that is in: after a fork it is in another process."""
        self.lock = threading.RLock()
        self.files: set[int] = set()  # descriptors of those that are locked


_threads = _Threads()
os.register_at_fork(after_in_child=_threads.renew)


def one_thread() -> contextlib.AbstractContextManager[object]:
    """Returns what keeps other threads of this process away from all that epochs share."""
    return _threads.lock


class SharedEpochs:
    """The next pass of a loader that several processes read."""

    def __init__(self, descriptor: int) -> None:
        """Takes over the descriptor of a file that `create` has made."""
        self._descriptor = descriptor

    @classmethod
    def create(cls, point: Point) -> SharedEpochs:
        """Returns a new file whose next pass begins at `point`."""
        shared = cls(os.memfd_create("headrace-epochs", os.MFD_CLOEXEC))
        os.ftruncate(shared._descriptor, _HEADER.size)  # zeros: slot 0, empty
        shared._write({"next": point, "taken": []})
        return shared

    def next(self) -> Point:
        """Returns where the next pass begins."""
        with self._locked():
            return _point(self._read())

    def put_next(self, point: Point) -> None:
        """Makes the next pass begin at `point`."""
        with self._locked():
            self._write(self._read() | {"next": point})

    def take(self, iteration: Iteration, worker: int) -> Point:
        """Returns where the pass of `iteration` begins; `worker` reads it from now on."""
        with self._locked():
            content = self._read()
            entry = _find(content, iteration, worker)
            if entry is None:
                entry = _add(content, iteration, _point(content))
            entry["workers"].append(worker)
            self._write(content)
            return entry["epoch"], entry["position"]

    def look(self, iteration: Iteration, worker: int) -> Point:
        """Returns what `take` would, and changes nothing."""
        with self._locked():
            content = self._read()
            entry = _find(content, iteration, worker)
            return _point(content) if entry is None else (entry["epoch"], entry["position"])

    def resume(self, iteration: Iteration, worker: int, epoch: int) -> None:
        """Notes that `iteration` reads the rest of `epoch`, which `worker` knows from a state."""
        with self._locked():
            content = self._read()
            entry = _find(content, iteration, worker) or _add(content, iteration, (epoch, 0))
            entry["workers"].append(worker)
            entry["epoch"], content["next"] = epoch, (epoch + 1, 0)
            self._write(content)

    def __reduce__(self) -> tuple[Any, ...]:
        # For processes that multiprocessing starts; DupFd is how its own objects do it.
        return _attach, (reduction.DupFd(self._descriptor),)

    def __del__(self) -> None:
        # Not by contextlib: while the interpreter ends, the names of modules may be gone already.
        try:  # noqa: SIM105
            os.close(self._descriptor)
        except (OSError, AttributeError):
            pass

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with _threads.lock:
            if self._descriptor in _threads.files:
                yield  # the end of the outer block unlocks it
                return
            # Held by the process, so that a worker that is killed leaves it free.
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
            _threads.files.add(self._descriptor)
            try:
                yield
            finally:
                _threads.files.discard(self._descriptor)
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)

    def _header(self) -> tuple[int, int]:
        slot, size = _HEADER.unpack(os.pread(self._descriptor, _HEADER.size, 0))
        return slot, size

    def _read(self) -> dict[str, Any]:
        slot, size = self._header()
        data = os.pread(self._descriptor, size, _HEADER.size + slot * _SLOT_BYTES)
        content: dict[str, Any] = json.loads(data)
        return content

    def _write(self, content: dict[str, Any]) -> None:
        content["taken"] = content["taken"][-_KEPT:]
        data = json.dumps(content).encode()
        slot = 1 - self._header()[0]
        os.pwrite(self._descriptor, data, _HEADER.size + slot * _SLOT_BYTES)
        os.pwrite(self._descriptor, _HEADER.pack(slot, len(data)), 0)


def _attach(descriptor: Any) -> SharedEpochs:
    return SharedEpochs(descriptor.detach())


def _point(content: dict[str, Any]) -> Point:
    epoch, position = content["next"]
    return epoch, position


def _find(content: dict[str, Any], iteration: Iteration, worker: int) -> dict[str, Any] | None:
    for entry in reversed(content["taken"]):
        if entry["iteration"] == list(iteration) and worker not in entry["workers"]:
            found: dict[str, Any] = entry
            return found
    return None


def _add(content: dict[str, Any], iteration: Iteration, point: Point) -> dict[str, Any]:
    epoch, position = point
    entry = {"iteration": list(iteration), "epoch": epoch, "position": position, "workers": []}
    content["taken"].append(entry)
    content["next"] = (epoch + 1, 0)
    return entry

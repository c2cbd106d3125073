"""A Loader in a worker process of torch's DataLoader: every n-th batch, and the right epoch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from headrace.errors import UnsupportedError
from headrace.iterator import PassIterator, end_state, has_ended
from headrace.torch_bridge import WorkerInfo

if TYPE_CHECKING:
    from headrace.loader_passes import LoaderPasses
    from headrace.passes import AnyPass
    from headrace.shared_epochs import SharedEpochs


class WorkerShare:
    """The batches id, id + n, id + 2 n, ... of each epoch, for worker id of n.

    They are made here and nowhere else; all workers together give each batch once, and the
    DataLoader, which asks them in turn, gives them in the order of one process.
    """

    def __init__(self, loader: LoaderPasses, info: WorkerInfo, epochs: SharedEpochs | None) -> None:
        self.id = info.id
        self.workers = info.workers
        self._loader = loader
        self._base_seed = info.base_seed
        self._epochs = epochs
        self._passes = 0  # begun in this process
        self._loaded: tuple[int, int] | None = None
        self._last: AnyPass | None = None
        if epochs is None:
            warnings.warn(
                "this Loader's copies in the DataLoader's workers cannot agree on the epoch; call "
                "loader.set_epoch(epoch) before each, or the order repeats",
                UserWarning,
                stacklevel=4,
            )

    def begin(self) -> AnyPass:
        """Starts the next pass."""
        epoch, position = self._take()
        self._passes += 1
        self._loaded = None
        self._last = self._loader._begin(epoch, position, every=self.workers)
        return self._last

    def point(self) -> tuple[int, int]:
        """Returns the epoch and the position where the next batch of this worker begins."""
        if self._loaded is not None:
            return self._loaded
        if self._last is None:
            epoch, start = self._look()
        elif self._last.done:
            epoch, start = self._last.epoch + 1, 0
        else:
            return self._last.epoch, self._last.position
        return epoch, self.start_of(start)

    @property
    def running(self) -> AnyPass | None:
        """The pass in whose middle `point` is, if it is."""
        last = self._last
        return None if self._loaded is not None or last is None or last.done else last

    def start_of(self, start: int) -> int:
        """Returns where the first batch of this worker begins in a pass that begins at `start`."""
        dealing = self._loader._dealing
        step = dealing.batch_size * dealing.world_size
        return min(dealing.items, start + self.id * step)

    def load(self, epoch: int, position: int) -> None:
        """Makes the rest of `epoch` from `position`, a point of this worker, the next pass."""
        self._loaded = epoch, position

    def load_end(self) -> None:
        """Takes back `load` of a point that stands behind the last batch of an epoch."""
        epoch, _ = self.point()
        self._resume(epoch - 1)
        self._passes += 1
        self._loaded = None

    def _take(self) -> tuple[int, int]:
        if self._loaded is not None:
            self._resume(self._loaded[0])
            return self._loaded
        if self._epochs is None:
            epoch, start = self._loader._epochs.next()
        else:
            epoch, start = self._epochs.take((self._base_seed, self._passes), self.id)
        return epoch, self.start_of(start)

    def _look(self) -> tuple[int, int]:
        if self._epochs is None:
            return self._loader._epochs.next()
        return self._epochs.look((self._base_seed, self._passes), self.id)

    def _resume(self, epoch: int) -> None:
        if self._epochs is not None:
            self._epochs.resume((self._base_seed, self._passes), self.id, epoch)


class WorkerIterator(PassIterator):
    """Batches of one worker's share. It begins, and takes its epoch, at the first next().

    For torch makes iterators that it never asks for anything.
    """

    __slots__ = ("_ended", "_share")

    def __init__(self, share: WorkerShare, loader: LoaderPasses) -> None:
        self._share = share
        self._loader = loader
        self._ended = False

    def __next__(self) -> Any:
        if self._ended:
            raise StopIteration
        if getattr(self, "_pass", None) is None:
            self._adopt(self._share.begin())
        return self._next()

    def state_dict(self) -> dict[str, bool]:
        """Returns what torchdata's StatefulDataLoader keeps beside the state of the loader."""
        current = getattr(self, "_pass", None)
        return end_state(ended=self._ended or (current is not None and current.done))

    def load_state_dict(self, state: dict[str, bool]) -> None:
        """Makes this the rest of the saved iterator; the loader has its position already."""
        if has_ended(state) and not self._ended:
            self._ended = True
            self._share.load_end()

    def __repr__(self) -> str:
        if getattr(self, "_pass", None) is None:
            return f"<headrace iterator of worker {self._share.id}, not begun>"
        return super().__repr__()


def refuse_output(output: str) -> None:
    """Raises UnsupportedError for batches that no worker can send to the DataLoader's process."""
    if output == "dlpack":
        raise UnsupportedError(
            'output="dlpack": such batches cannot be sent from a worker of a DataLoader; use '
            'output="torch" or "numpy", or iterate the loader without workers'
        )

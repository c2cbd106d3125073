"""What a transform is told of its batch: where it stands, and random numbers for it."""

from __future__ import annotations

import struct
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from headrace import torch_bridge
from headrace.epochs import Places


class BatchPlaces(Places, Protocol):
    """Which rows each batch of a pass holds; `_core.BatchOrder` is one."""

    def position(self, number: int, /) -> int:
        """Returns the position of a batch's first row."""

    def count(self, number: int, /) -> int:
        """Returns the number of a batch's rows."""

    def items(self, number: int, /) -> NDArray[np.int64]:
        """Returns a batch's rows."""


class BatchContext:
    """Where a batch stands, and random numbers that belong to it alone.

    A `Loader` gives it to a transform that takes two arguments. Everything in it follows from the
    seed, the epoch and the position, so it is the same after a resume and for any number of
    threads. A resume with another batch size or world size makes other batches, which begin at
    other positions: rows still come exactly once, but random numbers are others from there on.

    Attributes:
        epoch: The epoch.
        position: The position of the batch's first row in the order of the epoch. No two ranks
            share one. For the batches of a ``batch_sampler=``: the position of the batch in the
            order of the batches.
        batch: The number of the batch in its pass, from 0. A resume begins a new pass, and each
            worker of a DataLoader has its own.

    Example:
        >>> import numpy as np, headrace as hr
        >>> def jitter(batch, context):
        ...     batch["x"] += context.rng().normal(scale=0.01, size=batch["x"].shape)
        ...     return batch
        >>> ds = hr.from_arrays(x=np.zeros((4, 2)))
        >>> loader = hr.Loader(ds, batch_size=2, transform=jitter, output="numpy")
        >>> once, again = loader.peek(), next(iter(loader))
        >>> np.array_equal(once["x"], again["x"])
        True
    """

    __slots__ = ("_generator", "_places", "_rng", "_rows", "_seed", "batch", "epoch", "position")

    def __init__(self, places: BatchPlaces, *, seed: int, epoch: int, batch: int) -> None:
        """Made by a Loader, not by users."""
        self._places = places
        self._seed = seed
        self._rows: NDArray[np.int64] | None = None
        self._rng: np.random.Generator | None = None
        self._generator: Any = None
        self.epoch = epoch
        self.batch = batch
        self.position = places.position(batch)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The rows of the dataset that the batch holds, in its order. Worked out when asked for."""
        if self._rows is None:
            self._rows = self._places.items(self.batch)
        return self._rows

    @property
    def count(self) -> int:
        """Number of rows of the batch."""
        return self._places.count(self.batch)

    def rng(self) -> np.random.Generator:
        """Returns the numpy generator of this batch, seeded by (seed, epoch, position).

        It is one generator for each batch: a second call returns the same one, which goes on where
        it is.

        Example:
            >>> import numpy as np, headrace as hr
            >>> def drop(batch, context):
            ...     return (batch[0] * (context.rng().random(len(batch[0])) < 0.5),)
            >>> loader = hr.Loader(hr.from_arrays(np.ones(8)), transform=drop, output="numpy")
            >>> first, second = list(loader), list(loader)
            >>> loader.set_epoch(0)
            >>> list(loader) == first
            True
        """
        if self._rng is None:
            self._rng = np.random.Generator(np.random.PCG64(self._entropy(0)))
        return self._rng

    def torch_generator(self) -> Any:
        """Returns the torch generator of this batch (CPU), seeded by (seed, epoch, position).

        It is one generator for each batch, independent of `rng`.

        Example:
            >>> import torch, headrace as hr
            >>> def noise(batch, context):
            ...     return (batch[0] + torch.rand(2, generator=context.torch_generator()),)
            >>> loader = hr.Loader(hr.from_arrays(torch.zeros(2, 2)), transform=noise)
            >>> torch.equal(loader.peek()[0], loader.peek()[0])
            True
        """
        if self._generator is None:
            (seed,) = self._entropy(1).generate_state(1, np.uint64).tolist()
            self._generator = torch_bridge.generator(seed)
        return self._generator

    def __repr__(self) -> str:
        return (
            f"<headrace.BatchContext epoch={self.epoch}, batch={self.batch}, "
            f"position={self.position}, rows={self.count}>"
        )

    def _entropy(self, use: int) -> np.random.SeedSequence:
        # Words of fixed width: as plain ints (2**32, 0, 0) would be a longer (0, 1, 0, 0).
        words = struct.pack("<QQQQ", self._seed, self.epoch, self.position, use)
        return np.random.SeedSequence(np.frombuffer(words, np.uint32).tolist())

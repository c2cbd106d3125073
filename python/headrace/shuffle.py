"""Which row comes when: the shuffles that a loader takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace import _core, checks
from headrace.errors import InvalidError

_MAX_ROWS = 2**40
_MAX_WINDOW = 65_536


@dataclass(frozen=True, kw_only=True)
class BlockShuffle:
    """A shuffle for data that are much faster to read in runs than row by row.

    Blocks of `block_rows` neighbouring rows come in random order, and `window` of them are open
    at once: the rows of a batch are drawn from all open blocks, while one block after the other
    is finished and a new one opened. Each row comes once per epoch.

    The defaults suit rows of a few hundred bytes to a few KiB on an SSD: 256 rows are then 64 KiB
    to 1 MiB, which a device reads at its full bandwidth, and the 65,536 rows of 256 open blocks
    are 16 to 256 MiB of page cache. A batch draws on 256 blocks, so neighbours in the data (which
    are often alike) rarely meet in a batch. During the first `window` blocks of an epoch fewer are
    open, and batches are mixed less; `entropy` includes that. For smaller rows take larger blocks.

    Attributes:
        block_rows: Rows per block.
        window: Blocks open at once, at most 65,536.

    Example:
        >>> import numpy as np, headrace as hr
        >>> shuffle = hr.BlockShuffle(block_rows=4, window=2)
        >>> ds = hr.from_arrays(np.arange(12))
        >>> with hr.Loader(ds, batch_size=12, shuffle=shuffle, output="numpy") as loader:
        ...     sorted(next(iter(loader))[0].tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    """

    block_rows: int = 256
    window: int = 256

    def __post_init__(self) -> None:
        for name, high in (("block_rows", _MAX_ROWS - 1), ("window", _MAX_WINDOW)):
            value = checks.check_int(name, getattr(self, name), low=1, high=high)
            object.__setattr__(self, name, value)

    def entropy(self, *, rows: int, batch_size: int) -> float:
        """Returns how well batches are mixed, in bits, as a mean over an epoch.

        It is the expected entropy of the blocks that a batch's rows come from: 0 for a batch out
        of one block, at most log2(batch_size) for rows of as many different blocks.

        Example:
            >>> few, many = BlockShuffle(window=2), BlockShuffle(window=256)
            >>> few.entropy(rows=10**6, batch_size=256) < many.entropy(rows=10**6, batch_size=256)
            True
        """
        rows = checks.check_int("rows", rows, low=1, high=checks.MAX_INT64)
        batch_size = checks.check_int("batch_size", batch_size, low=1, high=2**31 - 1)
        return _core.Order(rows, to_core(self), 0, 0).unit_entropy(batch_size)


Shuffle = bool | BlockShuffle


def check_shuffle(shuffle: object) -> Shuffle:
    """Returns the `shuffle` argument of a loader, or raises InvalidError."""
    if isinstance(shuffle, (bool, np.bool_)):
        return bool(shuffle)
    if isinstance(shuffle, BlockShuffle):
        return shuffle
    hint = ""
    if isinstance(shuffle, type) and issubclass(shuffle, BlockShuffle):
        hint = "; hr.BlockShuffle is the class: call it, hr.BlockShuffle()"
    raise InvalidError(
        f"shuffle={shuffle!r}: a shuffle is False, True or hr.BlockShuffle(...){hint}"
    )


def to_core(shuffle: Shuffle) -> _core.Shuffle:
    """Returns the core's form of a shuffle."""
    if isinstance(shuffle, BlockShuffle):
        return _core.Shuffle.blocks(shuffle.block_rows, shuffle.window)
    return _core.Shuffle.exact() if shuffle else _core.Shuffle.sequential()


def to_state(shuffle: Shuffle) -> dict[str, Any]:
    """Returns a shuffle with all its parameters, as a loader's state holds it."""
    if isinstance(shuffle, BlockShuffle):
        return {"kind": "blocks", "block_rows": shuffle.block_rows, "window": shuffle.window}
    return {"kind": "exact" if shuffle else "sequential"}


def describe_state(state: object) -> str:
    """Returns the argument that gives the shuffle of a state, for messages."""
    match state:
        case {"kind": "blocks", "block_rows": int(block_rows), "window": int(window)}:
            return f"shuffle=hr.BlockShuffle(block_rows={block_rows}, window={window})"
        case {"kind": "exact"}:
            return "shuffle=True"
        case {"kind": "sequential"}:
            return "shuffle=False"
    return f"a shuffle of another version ({state!r})"

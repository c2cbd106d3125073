"""Which row comes when: the shuffles that a loader takes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True, kw_only=True)
class ShardShuffle:
    """A shuffle for data that come as whole shards, such as those of an object store.

    Shards come in random order, and `window` of them are open at once: the rows of a batch are
    drawn from all open shards, while one after the other is finished and a new one opened. So a
    shard is read once per epoch, and no more than the open ones are needed at a time. Each row
    comes once per epoch.

    What counts as a shard is what the rows lie in: a shard of a dataset's directory, a file of
    `memmap` or `open`, or an array in memory (each part of `chunks` and `concat` is one). Of a
    view (`subset`, `split`, `filter`, slices) it is those rows of a file that are left, which must
    be in the order of the files; a window of rows (`windows`) lies where its first row does. The
    same rows in shards of the same sizes come in the same order, wherever they are. A single array
    or file is a single shard, and then all its rows are mixed.

    `lanes` is for training on several processes. The shards are dealt into so many lanes, each
    with a window of its own, and a rank of `world_size` W takes every W-th position: if W divides
    `lanes`, ranks have lanes of their own, and each shard is read by one rank only (but for the
    at most ``lanes - 1`` that are cut between two). For any other W the order is right, too, but
    several ranks read each shard, and the loader warns. The order depends on `lanes`, and not on
    W: choose a multiple of all numbers of ranks that you may use. A single process has all
    ``lanes * window`` shards open.

    Attributes:
        window: Shards open at once in each lane.
        lanes: Lanes. Together the windows hold at most 65,536 shards.

    Example:
        >>> import numpy as np, headrace as hr
        >>> ds = hr.from_arrays(hr.chunks([np.arange(0, 3), np.arange(3, 9), np.arange(9, 12)]))
        >>> shuffle = hr.ShardShuffle(window=2)
        >>> with hr.Loader(ds, batch_size=12, shuffle=shuffle, output="numpy") as loader:
        ...     sorted(next(iter(loader))[0].tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
    """

    window: int = 16
    lanes: int = 1

    def __post_init__(self) -> None:
        for name in ("window", "lanes"):
            value = checks.check_int(name, getattr(self, name), low=1, high=_MAX_WINDOW)
            object.__setattr__(self, name, value)

    def entropy(self, *, shard_rows: Sequence[int], batch_size: int, world_size: int = 1) -> float:
        """Returns how well batches of a rank are mixed, in bits, as a mean over an epoch.

        It is the expected entropy of the shards that a batch's rows come from: 0 for a batch out
        of one shard, at most log2(batch_size) for rows of as many different shards.

        Args:
            shard_rows: The number of rows of each shard.
            batch_size: Rows per batch and rank.
            world_size: Number of processes.

        Example:
            >>> few, many = ShardShuffle(window=2), ShardShuffle(window=16)
            >>> shard_rows = [1000] * 100
            >>> few.entropy(shard_rows=shard_rows, batch_size=256) < many.entropy(
            ...     shard_rows=shard_rows, batch_size=256
            ... )
            True
        """
        sizes = np.asarray(shard_rows)
        if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or (sizes < 0).any():
            raise InvalidError(
                f"shard_rows is the number of rows of each shard, not {shard_rows!r}"
            )
        batch_size = checks.check_int("batch_size", batch_size, low=1, high=2**31 - 1)
        world_size = checks.check_int("world_size", world_size, low=1, high=2**31 - 1)
        # As a dataset has it: a shard without rows takes no place in the window.
        units = _core.Units(np.ascontiguousarray(sizes[sizes > 0], np.uint64))
        order = _core.Order(units.rows, to_core(self, units), 0, 0)
        return order.unit_entropy(batch_size, world_size)


Shuffle = bool | BlockShuffle | ShardShuffle


def check_shuffle(shuffle: object) -> Shuffle:
    """Returns the `shuffle` argument of a loader, or raises InvalidError."""
    if isinstance(shuffle, (bool, np.bool_)):
        return bool(shuffle)
    if isinstance(shuffle, (BlockShuffle, ShardShuffle)):
        return shuffle
    hint = ""
    if isinstance(shuffle, type) and issubclass(shuffle, (BlockShuffle, ShardShuffle)):
        hint = f"; hr.{shuffle.__name__} is the class: call it, hr.{shuffle.__name__}()"
    raise InvalidError(
        f"shuffle={shuffle!r}: a shuffle is False, True, hr.BlockShuffle(...) or "
        f"hr.ShardShuffle(...){hint}"
    )


def find_units(shuffle: Shuffle, find: Callable[[], _core.Units] | None) -> _core.Units | None:
    """Returns the units that a ShardShuffle is about, which `find` finds; None for others.

    Raises:
        HeadraceError: If there are none to be found, or rows are not in the order of their files.
    """
    if not isinstance(shuffle, ShardShuffle):
        return None
    if find is None:
        raise InvalidError(
            f"shuffle={shuffle!r} is for the rows of a Loader's dataset, which lie in shards, "
            "files or arrays; a BatchSampler knows only how many rows there are: use shuffle=True "
            "or hr.BlockShuffle(...)"
        )
    return find()


def warn_of_ranks(shuffle: Shuffle, world_size: int) -> None:
    """Warns if the ranks cannot have lanes of their own, and says what that costs."""
    if not isinstance(shuffle, ShardShuffle) or shuffle.lanes % world_size == 0:
        return
    readers = world_size // math.gcd(world_size, shuffle.lanes)
    warnings.warn(
        f"each shard is read by {readers} of the {world_size} ranks, instead of by one: "
        f"world_size={world_size} does not divide lanes={shuffle.lanes}. The order is right; if "
        f"reading shards is dear, use hr.ShardShuffle(lanes=) with a multiple of {world_size} from "
        "the start of training: the order depends on it",
        stacklevel=3,
    )


def to_core(shuffle: Shuffle, units: _core.Units | None = None) -> _core.Shuffle:
    """Returns the core's form of a shuffle; a ShardShuffle needs its units."""
    if isinstance(shuffle, BlockShuffle):
        return _core.Shuffle.blocks(shuffle.block_rows, shuffle.window)
    if isinstance(shuffle, ShardShuffle):
        assert units is not None
        return _core.Shuffle.shards(shuffle.window, shuffle.lanes, units)
    return _core.Shuffle.exact() if shuffle else _core.Shuffle.sequential()


def to_state(shuffle: Shuffle, units: _core.Units | None = None) -> dict[str, Any]:
    """Returns a shuffle with all its parameters, as a loader's state holds it.

    Without `units`, those of a ShardShuffle are identified by the dataset.
    """
    if isinstance(shuffle, BlockShuffle):
        return {"kind": "blocks", "block_rows": shuffle.block_rows, "window": shuffle.window}
    if isinstance(shuffle, ShardShuffle):
        state = {"kind": "shards", "window": shuffle.window, "lanes": shuffle.lanes}
        # The sizes of all shards fix the order, too.
        return state if units is None else state | {"shards_id": f"{units.digest:016x}"}
    return {"kind": "exact" if shuffle else "sequential"}


def describe_state(state: object) -> str:
    """Returns the argument that gives the shuffle of a state, for messages."""
    match state:
        case {"kind": "blocks", "block_rows": int(block_rows), "window": int(window)}:
            return f"shuffle=hr.BlockShuffle(block_rows={block_rows}, window={window})"
        case {"kind": "shards", "window": int(window), "lanes": int(lanes)}:
            return f"shuffle=hr.ShardShuffle(window={window}, lanes={lanes})"
        case {"kind": "exact"}:
            return "shuffle=True"
        case {"kind": "sequential"}:
            return "shuffle=False"
    return f"a shuffle of another version ({state!r})"

"""What a loader delivered, compared by content with what lies in the files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from features import COLUMNS
from loaders import Batch, Rows
from shards import Catalog

Hashes = npt.NDArray[np.uint64]

_WEIGHTS = np.random.default_rng(0).integers(1, 2**63, COLUMNS, dtype=np.uint64) | np.uint64(1)


def row_hashes(x: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> Hashes:
    """Returns a 64-bit hash of each row: of the bits of its features, and its target."""
    bits = np.ascontiguousarray(x).view(np.uint32).astype(np.uint64)
    # A product carries upwards only; the shift lets its high bits count everywhere.
    mixed = bits * _WEIGHTS
    mixed ^= mixed >> np.uint64(29)
    total: Hashes = mixed.sum(axis=1, dtype=np.uint64)
    return total + y.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def batch_digest(x: torch.Tensor, y: torch.Tensor) -> str:
    """Returns a hash of a batch, bit for bit and in its order."""
    digest = hashlib.blake2b(x.numpy().tobytes(), digest_size=8)
    digest.update(y.numpy().tobytes())
    return digest.hexdigest()


def hashes_in_files(catalog: Catalog, split: str) -> Hashes:
    """Returns the hash of each row of a split, read with pyarrow, in the order of the shards."""
    parts = zip(catalog.arrays(split, "x"), catalog.arrays(split, "y"), strict=True)
    return np.concatenate([row_hashes(x.astype("float32"), y) for x, y in parts])


def hashes_delivered(batches: Iterable[Batch]) -> Hashes:
    """Returns the hash of each row that a loader hands out, in its order."""
    return np.concatenate([row_hashes(x.numpy(), y.numpy()) for x, y in batches])


def each_row_once(delivered: Hashes, expected: Hashes) -> bool:
    """Whether the same rows came, each as often as it is there: multisets compared by content."""
    return np.array_equal(np.sort(delivered), np.sort(expected))


def split_leaks(catalog: Catalog, train: Hashes, test: Hashes) -> list[str]:
    """Returns what is wrong with the split as it was written; nothing if it is right."""
    both = np.concatenate([train, test])
    shared = {
        "files that are in training and in test": len(
            set(catalog.sources["train"]) & set(catalog.sources["test"])
        ),
        "rows of test files in training": len(np.intersect1d(train, test)),
        "rows that are there more than once": len(both) - len(np.unique(both)),
    }
    return [f"{count} {what}" for what, count in shared.items() if count]


def some_rows(total: int, wanted: int, *, seed: int) -> Rows:
    """Returns `wanted` distinct row numbers below `total`, sorted: a part of the rows."""
    return np.sort(np.random.default_rng(seed).choice(total, min(wanted, total), replace=False))

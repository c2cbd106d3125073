"""Awkward Array, the same with np.zeros, whose memory has huge pages."""

from __future__ import annotations

from collections.abc import Iterator

from compare.sparse import awkward_flatten
from compare.sparse.awkward_flatten import State, setup
from harness.data import Batch
from harness.sparse import numpy_zeros

__all__ = ["epoch", "setup"]

PACKAGE = "awkward"
PASS_ROWS = 20_480


def epoch(state: State, number: int) -> Iterator[Batch]:
    return awkward_flatten.epoch(state, number, zeros=numpy_zeros)

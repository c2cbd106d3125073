"""Hugging Face datasets, the same with np.zeros, whose memory has huge pages."""

from __future__ import annotations

from collections.abc import Iterator

from compare.sparse import hf_datasets
from compare.sparse.hf_datasets import State, setup
from harness.data import Batch
from harness.sparse import numpy_zeros

__all__ = ["epoch", "setup"]

PASS_ROWS = 20_480


def epoch(state: State, number: int) -> Iterator[Batch]:
    return hf_datasets.epoch(state, number, zeros=numpy_zeros)

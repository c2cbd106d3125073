"""Hugging Face datasets at their best: Arrow format, flat arrays, np.zeros with huge pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from compare.sparse import hf_datasets
from compare.sparse.hf_datasets import State
from harness.data import Batch
from harness.sparse import CsrRows, numpy_zeros

__all__ = ["epoch", "setup"]

PASS_ROWS = 20_480


def setup(data: CsrRows) -> State:
    return State(hf_datasets.setup(data).rows.with_format("arrow"), data)


def epoch(state: State, number: int) -> Iterator[Batch]:
    data = state.data
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    for start in range(0, len(order), data.batch_size):
        found = state.rows[order[start : start + data.batch_size]]
        indices = found["indices"].combine_chunks()
        values = found["values"].combine_chunks().flatten().to_numpy()
        stored = np.diff(indices.offsets.to_numpy())
        x = numpy_zeros(len(stored), data.width)
        rows = np.repeat(np.arange(len(stored)), stored)
        x.numpy()[rows, indices.flatten().to_numpy()] = values
        yield {"x": x, "y": torch.from_numpy(found["y"].to_numpy().copy())}

"""Hugging Face datasets: lists of indices and values in Arrow, numpy format, a scatter per batch.

The table is in memory and made of the same arrays. Whole batches by a list of row numbers, which
beats rows one by one; format "torch" was slower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import datasets
import numpy as np
import pyarrow as pa
import torch

from harness.data import Batch
from harness.sparse import CsrRows, torch_zeros

PASS_ROWS = 20_480


@dataclass
class State:
    rows: datasets.Dataset
    data: CsrRows


def setup(data: CsrRows) -> State:
    x, y = data.arrays()
    offsets = pa.array(x.indptr)
    table = pa.table(
        {
            "indices": pa.ListArray.from_arrays(offsets, pa.array(x.indices)),
            "values": pa.ListArray.from_arrays(offsets, pa.array(x.data)),
            "y": pa.array(y),
        }
    )
    return State(datasets.Dataset(table).with_format("numpy"), data)


def epoch(
    state: State,
    number: int,
    *,
    zeros: Callable[[int, int], torch.Tensor] = torch_zeros,
) -> Iterator[Batch]:
    data = state.data
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    for start in range(0, len(order), data.batch_size):
        found = state.rows[order[start : start + data.batch_size]]
        stored = [len(indices) for indices in found["indices"]]
        x = zeros(len(stored), data.width)
        rows = np.repeat(np.arange(len(stored)), stored)
        x.numpy()[rows, np.concatenate(found["indices"])] = np.concatenate(found["values"])
        yield {"x": x, "y": torch.from_numpy(found["y"])}

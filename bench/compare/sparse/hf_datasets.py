"""Hugging Face datasets: lists of indices and values in Arrow, numpy format, torch.zeros.

The table is in memory and made of the same arrays. Whole batches by a list of row numbers, which
beats rows one by one; format "torch" is slower, and format "arrow" is the next entry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import datasets
import numpy as np
import pyarrow as pa
import torch

from harness.data import Batch
from harness.sparse import CsrRows

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
) -> Iterator[Batch]:
    data = state.data
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    for start in range(0, len(order), data.batch_size):
        found = state.rows[order[start : start + data.batch_size]]
        stored = [len(indices) for indices in found["indices"]]
        x = torch.zeros(len(stored), data.width)
        rows = np.repeat(np.arange(len(stored)), stored)
        x.numpy()[rows, np.concatenate(found["indices"])] = np.concatenate(found["values"])
        yield {"x": x, "y": torch.from_numpy(found["y"])}

"""Awkward Array: a ragged array of indices and one of values, indexed, flattened, torch.zeros."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import torch

from harness.data import Batch
from harness.sparse import CsrRows, torch_zeros

PACKAGE = "awkward"
PASS_ROWS = 20_480


@dataclass
class State:
    indices: Any
    values: Any
    data: CsrRows


def setup(data: CsrRows) -> State:
    x, _ = data.arrays()
    offsets = ak.index.Index64(x.indptr.astype(np.int64))

    def ragged(flat: Any) -> Any:
        return ak.Array(ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(flat)))

    return State(ragged(x.indices), ragged(x.data), data)


def epoch(
    state: State,
    number: int,
    *,
    zeros: Callable[[int, int], torch.Tensor] = torch_zeros,
) -> Iterator[Batch]:
    data = state.data
    y = data.labels()
    order = np.random.default_rng([data.seed, number]).permutation(data.rows)[:PASS_ROWS]
    for start in range(0, len(order), data.batch_size):
        idx = order[start : start + data.batch_size]
        indices, values = state.indices[idx], state.values[idx]
        x = zeros(len(idx), data.width)
        rows = np.repeat(np.arange(len(idx)), ak.to_numpy(ak.num(indices)))
        x.numpy()[rows, ak.to_numpy(ak.flatten(indices))] = ak.to_numpy(ak.flatten(values))
        yield {"x": x, "y": torch.from_numpy(y[idx])}

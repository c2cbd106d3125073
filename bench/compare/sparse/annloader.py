"""anndata's AnnLoader over an AnnData of the scipy matrix, shuffle=True."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator

import anndata
import numpy as np
import pandas as pd
from anndata.experimental import AnnLoader

from harness.data import Batch
from harness.sparse import CsrRows

PACKAGE = "anndata"
PASS_ROWS = 20_480

State = tuple[AnnLoader, CsrRows]


def setup(data: CsrRows) -> State:
    x, y = data.arrays()
    names = pd.Index([str(row) for row in y])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated in favour of annbatch
        loader = AnnLoader(
            anndata.AnnData(x, obs=pd.DataFrame({"y": y}, index=names)),
            batch_size=data.batch_size,
            shuffle=True,
            convert={"obs": {"y": np.asarray}},  # of a Series each value is a call
        )
    return loader, data


def epoch(state: State, number: int) -> Iterator[Batch]:
    loader, data = state
    np.random.seed(data.seed * 1_000 + number)
    for batch in itertools.islice(loader, PASS_ROWS // data.batch_size):
        yield {"x": batch.X, "y": batch.obs["y"]}

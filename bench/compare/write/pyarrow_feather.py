"""pyarrow.feather.write_feather(compression="uncompressed"), fsync; without checksums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import feather

from harness.writing import sync


def write(x: Any, y: Any, folder: Path) -> None:
    features = pa.FixedSizeListArray.from_arrays(pa.array(x.ravel()), x.shape[1])
    table = pa.table({"x": features, "y": y})
    feather.write_feather(table, folder, compression="uncompressed")
    sync(folder)
    sync(folder.parent)


def read(folder: Path) -> tuple[Any, Any]:
    table = feather.read_table(folder, memory_map=True)
    features = table["x"].combine_chunks()
    return np.asarray(features.flatten()).reshape(len(table), -1), table["y"].to_numpy()

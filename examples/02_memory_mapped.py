"""Train on memory-mapped files, stop in the middle of an epoch, and go on where it stopped."""

import tempfile
import uuid
from pathlib import Path

import numpy as np

import headrace as hr

rng = np.random.default_rng(0)
with tempfile.TemporaryDirectory() as folder:
    for kind in ("features", "targets"):
        Path(folder, kind).mkdir()
    for _ in range(4):
        name, rows = f"{uuid.uuid4()}.memmap", rng.random((10_000, 32))
        for kind, array in ("features", rows), ("targets", rows.sum(axis=1)):
            path = f"{folder}/{kind}/{name}"  # a pair of files has one name in two folders
            file = np.memmap(path, dtype="float64", mode="w+", shape=array.shape)
            file[:] = array

    files = {"x": f"{folder}/features/*.memmap", "y": f"{folder}/targets/*.memmap"}
    ds = hr.memmap(files, dtype="float64", row_shape={"x": 32}).cast("float32")
    print(ds)

    loader = hr.Loader(ds, batch_size=256, shuffle=hr.BlockShuffle(), seed=7)
    for step, _batch in enumerate(loader):
        if step == 99:
            break
    state = loader.state_dict()  # a small dict, for json or torch.save

    resumed = hr.Loader(ds, batch_size=256, shuffle=hr.BlockShuffle(), seed=7)
    resumed.load_state_dict(state)
    rest = sum(len(batch["y"]) for batch in resumed)
    print(f"stopped after row {state['position']:,}, went on with the other {rest:,}")

"""What states and splits by file rest on, and so may never change: content ids and file parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import headrace as hr


def test_the_content_id_of_a_dataset_never_changes() -> None:
    x = np.arange(1000, dtype=np.float32).reshape(100, 10)
    ds = hr.from_arrays(x=x, y=np.arange(100))
    with hr.Loader(ds, batch_size=10, output="numpy") as loader:
        state = loader.state_dict()
    assert state["dataset"]["id"] == "ba03a8e2cc1de36e"


def test_the_part_of_a_file_never_changes(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for number in range(12):
        np.save(tmp_path / "shards" / f"{number:02d}.npy", np.full(3, number))
    parts = hr.open(f"{tmp_path}/shards/*.npy").split([0.5, 0.3, 0.2], seed=5, by="file")
    files = [sorted(set(part["0"][:].tolist())) for part in parts]
    assert files == [[1, 2, 3, 5, 8, 10], [0, 4, 7], [6, 9, 11]]

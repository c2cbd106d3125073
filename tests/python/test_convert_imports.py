"""hr.convert of data sets of other libraries, and of files larger than what is held of them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headrace as hr

RunScript = Callable[..., Any]


@pytest.mark.parametrize("saved", [False, True])
def test_a_dataset_of_hugging_face_moves_over(saved: bool, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    columns: dict[str, Any] = {
        "text": [f"row {k}" for k in range(50)],
        "label": [k % 2 for k in range(50)],
        "vector": [[float(k)] * 4 for k in range(50)],
    }
    features = datasets.Features(
        text=datasets.Value("string"),
        label=datasets.ClassLabel(names=["no", "yes"]),
        vector=datasets.Sequence(datasets.Value("float32"), length=4),
    )
    found = datasets.Dataset.from_dict(columns, features=features)
    if saved:
        found.save_to_disk(str(tmp_path / "hf"))
    source = str(tmp_path / "hf") if saved else found
    trial = hr.convert(source, tmp_path / "out", dry_run=1)
    assert trial.rows == 50
    assert trial.estimated_rows == (None if saved else pytest.approx(50, abs=2))
    for _ in range(2):  # the second call only opens
        ds = hr.convert(source, tmp_path / "out", progress=False)
        assert ds["text"][:] == columns["text"]
        assert ds["label"][:].tolist() == columns["label"]
        assert ds["vector"][:].tolist() == columns["vector"]


def test_tars_of_webdataset_move_over(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    for shard in range(3):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as tar:
            for k in range(20 * shard, 20 * shard + 20):
                for suffix, content in (("jpg", bytes([k, 255])), ("cls", str(k).encode())):
                    entry = tarfile.TarInfo(f"{k:06}.{suffix}")
                    entry.size = len(content)
                    tar.addfile(entry, io.BytesIO(content))
    ds = hr.convert(f"{tmp_path}/*.tar", tmp_path / "out", progress=False)
    assert ds["cls"][:].tolist() == list(range(60))
    assert ds["jpg"][:] == [bytes([k, 255]) for k in range(60)]
    assert ds["__key__"][59] == "000059"


def test_memory_does_not_grow_with_the_file(run_script: RunScript, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    rows = 400_000
    with (tmp_path / "a.csv").open("w") as file:
        file.write("x,y\n")
        for first in range(0, rows, 1000):
            file.writelines(f"{k},{k}.25\n" for k in range(first, first + 1000))
    done = run_script(
        """
        import os, pyarrow as pa, headrace as hr
        from headrace.conversion import text_formats
        text_formats.PART_BYTES, text_formats.BLOCK_BYTES = 2**19, 2**16
        seen = []
        ds = hr.convert("a.csv", "out", shard_bytes="1MB", progress=seen.append)
        print(len(ds), len(os.listdir("out/shards")) >= 6, int(ds["x"][len(ds) - 1]))
        print(pa.default_memory_pool().max_memory())
        """
    )
    assert done.returncode == 0, done.stderr
    told, peak = done.stdout.strip().splitlines()
    assert told == f"{rows} True {rows - 1}"
    size = (tmp_path / "a.csv").stat().st_size
    assert size > 6_000_000
    assert int(peak) < size / 4

"""Your own C++ or Rust, from text files to batches: the same rows by both.

    python examples/05_native_transform/native_transform.py

features.cpp and rust/ hold one transform in two languages: of each file a dense row, a ragged one
and a sparse one. Here it runs over files one by one, over all of them in threads, into shards, and
from there into batches. Without cargo the Rust part is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

import headrace as hr

HERE = Path(__file__).resolve().parent
WIDTH = 2**16


def main() -> None:
    """Runs the transform in every way."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_texts(Path(folder) / "texts", 500)
        fn = hr.native.load(HERE / "features.cpp", options={"width": WIDTH})
        print(fn)
        one = fn(paths[0])
        print("one file:", one["totals"][0], one["line_lengths"], one["words"].shape)

        rows = list(fn.map(paths))  # in order, on all cores, without the GIL
        print("words:", int(sum(row["totals"][0, 1] for row in rows)))

        if shutil.which("cargo"):
            rust = hr.native.load(build_rust(Path(folder)), options={"width": WIDTH})
            for ours, theirs in zip(rows, rust.map(paths), strict=True):
                same_rows(ours, theirs)
            print("Rust gives the same")
        else:
            print("Rust is left out: there is no cargo")

        ds = hr.convert(paths, Path(folder) / "features", transform=fn, progress=False)
        train = ds.with_layout({"words": "dense", "line_lengths": "padded"})
        seen = 0
        for batch in hr.Loader(train, batch_size=64, shuffle=True, output="numpy"):
            assert (batch["words"].sum(axis=1) == batch["totals"][:, 1]).all()
            seen += len(batch["totals"])
        print(f"{seen} rows right in batches of {WIDTH} dense columns")


def write_texts(folder: Path, count: int) -> list[str]:
    """Writes small text files; returns their paths."""
    folder.mkdir()
    words = ["head", "race", "water", "Mill", "wheel", "über", "42", "feeds", "the", "turbine"]
    rng = np.random.default_rng(1)
    paths = []
    for number in range(count):
        lines = [
            " ".join(rng.choice(words, rng.integers(1, 12))) + "."
            for _ in range(rng.integers(0, 30))
        ]
        path = folder / f"{number:05}.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        paths.append(str(path))
    return paths


def build_rust(folder: Path) -> Path:
    """Builds the crate, which depends on nothing, and returns the library."""
    command = ["cargo", "build", "--release", "--offline", "--quiet", "--locked"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(folder / "rust")}
    subprocess.run(command, check=True, cwd=HERE / "rust", env=environment)
    return folder / "rust" / "release" / "libfeatures.so"


def same_rows(ours: dict[str, object], theirs: dict[str, object]) -> None:
    """Fails where two results differ."""
    assert ours.keys() == theirs.keys()
    np.testing.assert_array_equal(ours["totals"], theirs["totals"])
    for name, parts in (("line_lengths", "values offsets"), ("words", "data indices indptr")):
        for part in parts.split():
            left, right = getattr(ours[name], part), getattr(theirs[name], part)
            np.testing.assert_array_equal(left, right)


if __name__ == "__main__":
    main()

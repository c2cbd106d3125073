"""Memory of text on its way to shards: bounded, whatever the size of the text.

Measured is by how much the peak of a fresh process's resident memory (VmHWM) grows over what is
resident once the imports are done and the first text was hashed: all that the conversion takes,
the pages of files that it maps included. TEXT_MEMORY_MB sets the size of the larger text.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

pytest.importorskip("scipy.sparse")

SMALL_MB = 8
LARGE_MB = int(os.environ.get("TEXT_MEMORY_MB", "64"))
LIMIT_MB = 256

RunScript = Callable[..., CompletedProcess[str]]

OPTIONS = {
    "words and pairs": "ngram_range=(1, 2)",
    "one to four characters": 'analyzer="char", ngram_range=(1, 4)',
}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Writes a megabyte of lines of words."""
    rng = np.random.default_rng(11)
    letters = np.frombuffer(b"etaoinshrdlu", np.uint8)
    words = [rng.choice(letters, n).tobytes() for n in rng.integers(1, 12, 20_000)]
    lines = [b" ".join(words[k] for k in rng.integers(0, 20_000, 10)) for _ in range(20_000)]
    path = tmp_path_factory.mktemp("text") / "megabyte.txt"
    path.write_bytes(b"\n".join(lines)[: 10**6 - 1] + b"\n")
    return path


def growth_mb(run_script: RunScript, text: Path, folder: Path, options: str, mb: int) -> float:
    """Returns by how many MB a conversion of the text, `mb` times over, makes the peak grow."""
    large = folder / f"{mb}.txt"
    with large.open("wb") as file:
        for _ in range(mb):
            file.write(text.read_bytes())
    done = run_script(f"""
        import headrace as hr

        def status(field):
            with open("/proc/self/status") as lines:
                return next(int(line.split()[1]) for line in lines if line.startswith(field))

        hasher = hr.text.Hasher(2**18, dtype="float32", {options})
        hasher.transform(["to be or not to be"])
        before = status("VmRSS")
        ds = hr.convert(
            {str(large)!r},
            {str(folder / f"{mb}-shards")!r},
            transform=hasher.file_transform(),
            shard_bytes="16MB",
            progress=False,
        )
        print(len(ds), (status("VmHWM") - before) * 1024 / 1e6)
    """)
    large.unlink()
    assert done.returncode == 0, done.stderr
    rows, growth = done.stdout.split()
    assert int(rows) == mb * text.read_bytes().count(b"\n")
    return float(growth)


@pytest.mark.parametrize("what", OPTIONS)
def test_memory_does_not_grow_with_the_text(
    what: str, text: Path, tmp_path: Path, run_script: RunScript
) -> None:
    sizes = (SMALL_MB, LARGE_MB)
    if what != "words and pairs":  # rows are many times as large as the text
        sizes = (SMALL_MB // 4, min(LARGE_MB, 256) // 4)
    small, large = (growth_mb(run_script, text, tmp_path, OPTIONS[what], mb) for mb in sizes)
    print(f"{what}: {small:.0f} MB for {sizes[0]} MB of text, {large:.0f} MB for {sizes[1]} MB")
    assert large < LIMIT_MB
    assert large < small + 48

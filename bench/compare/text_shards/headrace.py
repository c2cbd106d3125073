"""hr.convert with hr.text.Hasher(2**18, ngram_range=(1, 2)).file_transform(): the text 4 times."""

from __future__ import annotations

from pathlib import Path

import headrace as hr
from harness.text import OPTIONS

COPIES = 4


def convert(paths: list[Path], folder: Path) -> list[Path]:
    transform = hr.text.Hasher(**OPTIONS, dtype="float32").file_transform()
    dataset = hr.convert(paths, folder, transform=transform, progress=False)
    return [folder / "shards" / f"{shard}.arrow" for shard in dataset.shard_ids]

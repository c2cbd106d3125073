"""How well shuffles mix: the entropy of a batch against the window, as docs/mixing.svg.

    PYTHONPATH=bench python bench/mixing.py             computes and prints the table
    PYTHONPATH=bench python bench/mixing.py --write     the same, and writes docs/mixing.svg

What is shown is `hr.ShardShuffle(window=).entropy()`, the expected entropy in bits of "which shard
does a row come from" within a batch, as a mean over an epoch, for shards of 1,000 rows. The exact
shuffle's, which no window can pass, is measured on its order. Nothing is timed.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import headrace as hr
from harness.charts import Chart, Series, draw
from headrace import _core

PAGE = Path(__file__).resolve().parent.parent / "docs" / "mixing.svg"
SHARD_ROWS = 1000
WINDOWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
MOST_BITS = 9


@dataclass(frozen=True)
class Setting:
    """So many shards, and the rows of a batch."""

    shards: int
    batch_size: int


SHARDS = (4096, 64)
BATCHES = (64, 256, 1024)


def windowed_bits(setting: Setting, window: int) -> float:
    """Returns the entropy of a shard shuffle."""
    sizes = [SHARD_ROWS] * setting.shards
    shuffle = hr.ShardShuffle(window=window)
    return shuffle.entropy(shard_rows=sizes, batch_size=setting.batch_size)


def exact_bits(setting: Setting) -> float:
    """Returns the entropy of shuffle=True."""
    shard_of = np.repeat(np.arange(setting.shards, dtype=np.uint32), SHARD_ROWS)
    order = _core.Order(len(shard_of), _core.Shuffle.exact(), 0, 0)
    return order.label_entropy(shard_of, setting.shards, setting.batch_size)


def table(settings: list[Setting]) -> str:
    """Returns a markdown table with a line for each setting."""
    heads = ["shards", "batch", *(f"window {window}" for window in WINDOWS), "`shuffle=True`"]
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    for setting in settings:
        bits = [windowed_bits(setting, w) for w in WINDOWS if w <= setting.shards]
        cells = [f"{b:.2f}" for b in bits] + [""] * (len(WINDOWS) - len(bits))
        start = [f"{setting.shards:,}", f"{setting.batch_size:,}"]
        lines.append("| " + " | ".join([*start, *cells, f"{exact_bits(setting):.2f}"]) + " |")
    return "\n".join(lines)


def plot(shards: int) -> Chart:
    """Returns a line for each batch size."""

    def line(batch_size: int) -> Series:
        setting = Setting(shards, batch_size)
        windows = [window for window in WINDOWS if window <= shards]
        points = [(float(w), windowed_bits(setting, w)) for w in windows]
        return Series(f"batches of {batch_size:,}", points)

    x_ticks = {float(window): str(window) for window in WINDOWS}
    y_ticks = {float(bits): str(bits) for bits in range(MOST_BITS + 1)}
    title = f"entropy of a batch in bits, {shards:,} shards"
    lines = [line(size) for size in BATCHES]
    return Chart(title, lines, x_ticks, y_ticks, "window", y_scale=float)


def main() -> None:
    """Reads the command line, computes, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = parser.parse_args()
    print(table([Setting(shards, size) for shards in SHARDS for size in BATCHES]))
    if given.write:
        note = f"which shard a row comes from, mean over an epoch; shards of {SHARD_ROWS:,} rows"
        PAGE.write_text(draw([plot(shards) for shards in SHARDS], note))


if __name__ == "__main__":
    main()

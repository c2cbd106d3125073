"""How often shards are downloaded against the size of the cache, as docs/cache_size.svg.

    PYTHONPATH=bench python bench/cache_size.py             computes and prints the tables
    PYTHONPATH=bench python bench/cache_size.py --write     the same, and writes docs/cache_size.svg

A dataset of equal shards is trained on for some epochs, the first of them with an empty cache; what
is shown are the downloads of the later ones, each shard's in an epoch, on average.

headrace    a Loader of the dataset in a store, through a cache of that size: `shard_fetches`, the
            median of some runs, since threads that fetch ahead are never in step; with a pause
            after each batch, as by training, in which it fetches as far ahead as it would
LRU         a cache of so many whole shards that drops the one that was not read for longest
optimal     one that knows the future and drops the shard that is read again last (Belady's), which
            no cache can be better than that loads what is read when it is read

LRU and the optimum are simulated, row by row, over the order in which the Loader gives the rows of
these epochs. Nothing is timed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import headrace as hr
from harness.charts import Chart, Series, draw

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cache_size.svg"
ROW_BYTES, BLOCK = 1024, 4096  # a cache counts in blocks
SEED = 0
WINDOW = 8
# By what is drawn: the shuffle, the sizes of the cache in shards, and the most downloads.
PLOTS: dict[str, tuple[Shuffle, Sequence[int], float]] = {
    f"ShardShuffle(window={WINDOW})": (
        hr.ShardShuffle(window=WINDOW),
        (WINDOW + 2, 12, 16, 24, 32, 40, 48, 56, 60, 64),
        1.0,
    ),
    "shuffle=True": (True, (8, 16, 24, 32, 40, 48, 56, 60, 64), 160.0),
}

Shuffle = bool | hr.ShardShuffle
Policy = Callable[[Sequence[int], int], int]


@dataclass(frozen=True)
class Setting:
    """Shards, their rows, a batch's; epochs behind the first, how often they are run, the pause."""

    shards: int = 64
    rows: int = 128
    batch: int = 64
    epochs: int = 4
    rounds: int = 3
    pause_s: float = 0.002


def lru(reads: Sequence[int], room: int) -> int:
    """Returns how many shards are loaded where the least recently read one makes room."""
    cached: OrderedDict[int, None] = OrderedDict()
    loads = 0
    for shard in reads:
        if shard not in cached:
            loads += 1
            if len(cached) == room:
                cached.popitem(last=False)
        cached[shard] = None
        cached.move_to_end(shard)
    return loads


def optimal(reads: Sequence[int], room: int) -> int:
    """Returns how many shards are loaded where the one that is read again last makes room."""
    following = [0] * len(reads)
    next_read: dict[int, int] = {}
    for at in range(len(reads) - 1, -1, -1):
        following[at] = next_read.get(reads[at], len(reads))
        next_read[reads[at]] = at
    cached: dict[int, int] = {}  # when it is read next
    loads = 0
    for shard, following_read in zip(reads, following, strict=True):
        if shard not in cached:
            loads += 1
            if len(cached) == room:
                del cached[max(cached, key=cached.__getitem__)]
        cached[shard] = following_read
    return loads


SIMULATED: dict[str, Policy] = {"LRU": lru, "optimal (Belady)": optimal}


def make_store(setting: Setting, folder: Path) -> None:
    """Writes the dataset; column `shard` is the number of a row's shard."""
    for number in range(setting.shards):
        with hr.Writer(folder) as writer:
            writer.write(
                x=np.zeros((setting.rows, ROW_BYTES // 4), np.float32),
                shard=np.full(setting.rows, number),
            )


def room_of(folder: Path, shards: int) -> int:
    """Returns what so many shards take of a cache."""
    sizes = {path.stat().st_size for path in (folder / "shards").iterdir()}
    (size,) = {-(-size // BLOCK) * BLOCK for size in sizes}
    return shards * size


def reads_of(setting: Setting, folder: Path, shuffle: Shuffle) -> list[int]:
    """Returns the shards of all rows of all epochs, in the order of the loader; of runs one."""
    ds = hr.open(folder).select_columns(["shard"])
    with hr.Loader(
        ds, batch_size=setting.batch, shuffle=shuffle, seed=SEED, output="numpy"
    ) as loader:
        epochs = [np.concatenate([b["shard"] for b in loader]) for _ in range(1 + setting.epochs)]
    return [shard for shard, _ in itertools.groupby(np.concatenate(epochs).tolist())]


def fetches_of(setting: Setting, folder: Path, shuffle: Shuffle, room: int) -> int | None:
    """Returns how many shards headrace downloads for that; None where it refuses to."""
    with tempfile.TemporaryDirectory() as cache:
        ds = hr.open(folder.as_uri(), cache=cache, cache_bytes=room_of(folder, room))
        with hr.Loader(
            ds, batch_size=setting.batch, shuffle=shuffle, seed=SEED, output="numpy"
        ) as loader:
            try:
                for _ in range(1 + setting.epochs):
                    for _batch in loader:
                        time.sleep(setting.pause_s)
            except hr.InvalidError:
                return None
            return int(loader.stats()["shard_fetches"])


def median_fetches(setting: Setting, folder: Path, shuffle: Shuffle, room: int) -> int | None:
    """Returns the median of some runs of `fetches_of`."""
    found = [fetches_of(setting, folder, shuffle, room) for _ in range(setting.rounds)]
    counts = [count for count in found if count is not None]
    return statistics.median_low(counts) if counts else None


def measure(
    setting: Setting, folder: Path, shuffle: Shuffle, rooms: Sequence[int]
) -> dict[str, list[tuple[int, float]]]:
    """Returns by name (shards in the cache, downloads of a shard in an epoch)."""
    reads = reads_of(setting, folder, shuffle)
    loads: dict[str, list[tuple[int, int | None]]] = {
        "headrace": [(room, median_fetches(setting, folder, shuffle, room)) for room in rooms]
    }
    for name, policy in SIMULATED.items():
        loads[name] = [(room, policy(reads, room)) for room in rooms]
    every = setting.shards * setting.epochs
    return {
        name: [(room, (n - setting.shards) / every) for room, n in points if n is not None]
        for name, points in loads.items()
    }


def table(setting: Setting, found: dict[str, list[tuple[int, float]]]) -> str:
    """Returns a markdown table with a line for each size."""
    rooms = sorted({room for points in found.values() for room, _ in points})
    lines = ["| cache | " + " | ".join(found) + " |", "| --- |" + " --- |" * len(found)]
    for room in rooms:
        cells = [dict(points).get(room) for points in found.values()]
        texts = ["refused" if cell is None else f"{cell:.2f}" for cell in cells]
        lines.append(f"| {room / setting.shards:.0%} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def plot(
    setting: Setting, title: str, found: dict[str, list[tuple[int, float]]], most: float
) -> Chart:
    """Returns a line for each cache, up to so many downloads."""
    lines = [
        Series(name, [(room / setting.shards, loads) for room, loads in points])
        for name, points in found.items()
    ]
    x_ticks = {part / 4: f"{part / 4:.0%}" for part in range(5)}
    y_ticks = {most * part / 4: f"{most * part / 4:g}" for part in range(5)}
    name = "cache, of the dataset's size"
    return Chart(title, lines, x_ticks, y_ticks, name, x_scale=float, y_scale=float)


def main() -> None:
    """Reads the command line, computes, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = parser.parse_args()
    setting, charts = Setting(), []
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "store")
        make_store(setting, folder)
        for name, (shuffle, rooms, most) in PLOTS.items():
            found = measure(setting, folder, shuffle, rooms)
            print(f"\ndownloads of a shard in an epoch, {name}\n\n{table(setting, found)}")
            charts.append(plot(setting, f"downloads, {name}", found, most))
    if given.write:
        note = (
            f"each shard's in an epoch, mean of {setting.epochs} epochs; {setting.shards} shards "
            f"of {setting.rows} rows, batches of {setting.batch}; shuffle=True needs room for all"
        )
        PAGE.write_text(draw(charts, note))


if __name__ == "__main__":
    main()

"""Dense storage beside CSR: bytes and rows/s against density, as a table and as docs/density.svg.

    PYTHONPATH=bench python bench/density.py             measures and prints the table
    PYTHONPATH=bench python bench/density.py --write     the same, and writes docs/density.svg

The same rows, 1,024 wide, are stored in memory as a float32 tensor, as csr with float32 values and
as binary csr, and shuffled into dense float32 batches of 1,024 rows by a Loader. Batches of all
three are compared with the rows. Passes are interleaved (dense, csr, binary, dense, ...); medians
are shown.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

import headrace as hr
from harness import machine
from harness.charts import Chart, Series, draw

PAGE = Path(__file__).resolve().parent.parent / "docs" / "density.svg"
WIDTH, BATCH = 1024, 1024
DENSITIES = (0.001, 0.004, 0.016, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
STORES = ("dense", "csr", "binary csr")


@dataclass(frozen=True)
class Point:
    """One store at one density."""

    store: str
    density: float
    bytes_per_row: float
    rows_per_s: float


def make_stores(rows: int, density: float, seed: int) -> dict[str, hr.Dataset]:
    """Returns the same rows, of ones, in each store, as datasets of dense float32 rows."""
    rng = np.random.default_rng(seed)
    count = max(1, round(density * WIDTH))
    order = rng.permuted(np.tile(np.arange(WIDTH, dtype=np.uint16), (min(rows, 2048), 1)), axis=1)
    chosen = np.sort(order[:, :count], axis=1)  # of these rows, over and over again
    indices = chosen[np.arange(rows) % len(chosen)].reshape(-1)
    indptr = np.arange(rows + 1, dtype=np.int64) * count
    dense = np.zeros((rows, WIDTH), np.float32)
    np.put_along_axis(dense, indices.reshape(rows, count).astype(np.int64), 1, axis=1)
    ones = np.ones(len(indices), np.float32)
    sparse = hr.csr(indptr=indptr, indices=indices, values=ones, columns=WIDTH)
    binary = hr.csr(indptr=indptr, indices=indices, columns=WIDTH)
    return {
        "dense": hr.from_arrays(x=dense),
        "csr": hr.from_arrays(x=sparse).with_layout(x="dense"),
        "binary csr": hr.from_arrays(x=binary).with_layout(x="dense"),
    }


def check_equal(stores: dict[str, hr.Dataset]) -> None:
    """Raises if the first batches of the stores differ."""
    loaders = [hr.Loader(ds, batch_size=BATCH, shuffle=True) for ds in stores.values()]
    for first, *others in itertools.islice(zip(*loaders, strict=True), 4):
        for other in others:
            if not torch.equal(first["x"], other["x"]):
                raise AssertionError("the stores give different batches")


def bytes_per_row(store: str, density: float) -> float:
    """Returns what a row takes: elements, or an offset and its nonzeros."""
    nonzeros = max(1, round(density * WIDTH))
    return {"dense": 4.0 * WIDTH, "csr": 8 + 6.0 * nonzeros, "binary csr": 8 + 2.0 * nonzeros}[
        store
    ]


def rows_per_s(loader: hr.Loader, min_seconds: float) -> float:
    """Returns the speed of whole passes, at least one, that take so long together."""
    seen, start = 0, time.perf_counter()
    while seen == 0 or time.perf_counter() - start < min_seconds:
        seen += sum(len(batch["x"]) for batch in loader)
    return seen / (time.perf_counter() - start)


def measure(rows: int, rounds: int, seed: int, min_seconds: float) -> list[Point]:
    """Returns the points of all stores at all densities."""
    points = []
    for density in DENSITIES:
        stores = make_stores(rows, density, seed)
        check_equal(stores)
        loaders = {
            name: hr.Loader(ds, batch_size=BATCH, shuffle=True) for name, ds in stores.items()
        }
        rates: dict[str, list[float]] = {name: [] for name in stores}
        for number, (name, loader) in itertools.product(range(rounds + 1), loaders.items()):
            rate = rows_per_s(loader, min_seconds)
            if number > 0:  # the first touches memory and starts threads
                rates[name].append(rate)
        for name in STORES:
            median = statistics.median(rates[name])
            points.append(Point(name, density, bytes_per_row(name, density), median))
        print(f"density {density:.2%}: measured")
    return points


def table(points: list[Point]) -> str:
    """Returns a markdown table with a line for each density."""
    lines = ["| nonzero | " + " | ".join(f"{s}: bytes a row, rows/s" for s in STORES) + " |"]
    lines.append("| --- |" + " --- |" * len(STORES))
    for density in DENSITIES:
        cells = [
            f"{p.bytes_per_row:,.0f}, {p.rows_per_s / 1e6:.2f} M"
            for store in STORES
            for p in points
            if (p.store, p.density) == (store, density)
        ]
        lines.append(f"| {density:.1%} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def chart(points: list[Point], rows: int) -> str:
    """Returns both plots as one SVG."""

    def series(attribute: str) -> list[Series]:
        return [
            Series(s, [(p.density, getattr(p, attribute)) for p in points if p.store == s])
            for s in STORES
        ]

    x_ticks = {0.001: "0.1 %", 0.01: "1 %", 0.1: "10 %", 1.0: "100 %"}
    size = Chart(
        *("bytes stored per row", series("bytes_per_row"), x_ticks),
        {10: "10", 100: "100", 1_000: "1,000", 10_000: "10,000"},
        "nonzero",
    )
    speed = Chart(
        *("rows/s as dense batches", series("rows_per_s"), x_ticks),
        {100_000: "100 k", 1_000_000: "1 M", 10_000_000: "10 M"},
        "nonzero",
    )
    note = f"{rows:,} rows of {WIDTH:,} float32 in memory, shuffled, batches of {BATCH:,}"
    return draw([size, speed], f"{note}; {machine.facts()['machine'].partition(';')[0]}")


def main() -> None:
    """Reads the command line, measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--min-seconds", type=float, default=0.3, help="of a measurement")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    given = parser.parse_args()
    points = measure(given.rows, given.rounds, given.seed, given.min_seconds)
    print(table(points))
    print(json.dumps([asdict(point) for point in points]))
    if given.write:
        PAGE.write_text(chart(points, given.rows))


if __name__ == "__main__":
    main()

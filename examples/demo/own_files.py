"""The demo's three loaders on your own files: how many rows per second each hands out.

    make demo DATA='/my/features/*.npy'
    make demo DATA='/my/raw/*.bin' DTYPE=float32 ROW_SHAPE=128
    make demo DATA=/my/corpus

Reads the files and writes nothing. It takes less than a minute, whatever their size: each loader
runs for a few seconds at a time, in turns.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import headrace as hr
from own_loaders import (
    MOST_ROWS_BY_HAND,
    AsUsuallyWritten,
    BestByHand,
    DataError,
    Headrace,
    OwnFiles,
    compare_rows,
    find_files,
)
from residency import drop, resident_share
from turns import EpochLoader, OutOfTimeError, take_turn

LOADERS: dict[str, Callable[..., EpochLoader]] = {
    "as usually written": AsUsuallyWritten,
    "best by hand": BestByHand,
    "headrace": Headrace,
}
ROUNDS = 3
WARM, COLD = 0.9, 0.1


@dataclass
class Measured:
    """Rows per second of a loader in each of its turns, or why there are none."""

    rates: list[float] = field(default_factory=list)
    failure: str = ""

    @property
    def rate(self) -> float:
        """The median; 0 for a loader that failed."""
        return statistics.median(self.rates) if self.rates else 0.0


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("data", help="a glob in quotes, a folder (of shards, too), a file")
    parser.add_argument("--dtype", help="of raw files, such as float32; .npy files say it")
    parser.add_argument("--row-shape", default="", help="of raw files: 128, or 3x32x32")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=30.0, help="for all loaders together")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the findings to this file, too")
    parsed = parser.parse_args(arguments)
    try:
        parsed.row_shape = tuple(int(n) for n in parsed.row_shape.replace(",", "x").split("x") if n)
    except ValueError:
        parser.error(f"ROW_SHAPE is numbers, such as 128 or 3x32x32, not {parsed.row_shape!r}")
    if parsed.row_shape and parsed.dtype is None:
        parser.error("ROW_SHAPE is for raw files; give DTYPE, too")
    if parsed.batch_size < 1 or not 0 < parsed.seconds <= 30:
        parser.error("give a batch size of at least 1, and more than 0 and at most 30 seconds")
    return parsed


def cache_state(share: float | None) -> str:
    """Says what the page cache holds of the files."""
    if share is None:
        return "whether they are in the page cache this file system does not tell"
    if share >= WARM:
        return f"warm: {share:.0%} of their pages are in the page cache"
    if share <= COLD:
        return (
            f"cold: {share:.0%} of their pages are in the page cache; they are taken out of it "
            "again before each turn, so that every loader finds the same"
        )
    return (
        f"partly warm: {share:.0%} of their pages are in the page cache, and each turn reads more "
        "into it; run it again for figures of warm files"
    )


def measure(
    own: OwnFiles, rows: int, options: argparse.Namespace, *, cold: bool
) -> dict[str, Measured]:
    """Runs the loaders in turns; one that fails is left out from then on."""
    results = {name: Measured() for name in LOADERS}
    for _ in range(ROUNDS):
        for name, loader in LOADERS.items():
            if results[name].failure:
                continue
            if cold:
                gc.collect()  # pages of a map that is still alive would stay
                drop(own.files)
            make = functools.partial(
                loader, own, rows=rows, batch_size=options.batch_size, seed=options.seed
            )
            try:
                rate = take_turn(make, options.seconds / (ROUNDS * len(LOADERS)))
            except (OSError, TypeError, ValueError, OutOfTimeError, hr.HeadraceError) as error:
                results[name].failure = f"{type(error).__name__}: {error}"
            else:
                results[name].rates.append(rate)
    return results


def table(results: dict[str, Measured], row_bytes: float) -> str:
    """Returns what each loader did, a line for each."""
    lines = [f"{'':<20}{'rows/s':>14}{'least - most':>26}{'MB/s':>12}"]
    for name, found in results.items():
        if found.failure:
            lines.append(f"{name:<20} failed: {found.failure}")
            continue
        spread = f"{min(found.rates):,.0f} - {max(found.rates):,.0f}"
        lines.append(
            f"{name:<20}{found.rate:>14,.0f}{spread:>26}{found.rate * row_bytes / 1e6:>12,.0f}"
        )
    return "\n".join(lines)


def meaning(results: dict[str, Measured], batch_size: int) -> str:
    """Says whether a model waits for each loader."""
    steps = {name: 1e3 * batch_size / found.rate for name, found in results.items() if found.rate}
    lines = [
        f"{name}: a batch of {batch_size} every {milliseconds:,.2f} ms"
        for name, milliseconds in steps.items()
    ]
    if "headrace" in steps and len(steps) > 1:
        slowest = max(steps, key=lambda name: steps[name])
        if slowest == "headrace":
            verdict = "headrace is no faster on these files; it changes nothing here but the code."
        else:
            verdict = (
                f"If your training step takes longer than {steps[slowest]:,.2f} ms on such a\n"
                "batch, your GPU waits for none of them, and another loader saves no time. With a\n"
                f"shorter step it waits for the loader {slowest!r}; for headrace it\n"
                f"waits only if the step takes less than {steps['headrace']:,.2f} ms."
            )
        lines.append(verdict)
    return "\n".join(lines)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measures and prints; returns the findings.

    Raises:
        DataError, hr.HeadraceError: The files cannot be read.
    """
    own = find_files(options.data, dtype=options.dtype, row_shape=options.row_shape)
    share = resident_share(own.files)
    dataset = own.dataset()
    rows = len(dataset)
    row = dataset.schema["x"]
    row_bytes = math.prod(row.row_shape) * np.dtype(row.dtype).itemsize
    print(repr(dataset))
    if own.column:
        print(f"a dataset of shards; measured is its largest column of fixed shape, {own.column!r}")
    print(cache_state(share), flush=True)
    if rows > MOST_ROWS_BY_HAND:
        print(f"the loaders by hand draw from {MOST_ROWS_BY_HAND:,} random rows of all: "
              "the list of rows that they shuffle would take too much time and memory")  # fmt: skip
    print(f"three loaders, shuffled, batches of {options.batch_size}, {ROUNDS} turns each, "
          f"about {options.seconds:.0f} s ...\n", flush=True)  # fmt: skip
    results = measure(own, rows, options, cold=share is not None and share <= COLD)
    compared = compare_rows(own, rows=rows, seed=options.seed)
    print(table(results, row_bytes))
    print(f"\n{compared} random rows compared: headrace reads what numpy reads")
    print(f"\n{meaning(results, options.batch_size)}")
    return {
        "files": len(own.files),
        "rows": rows,
        "resident_share": share,
        "rows_per_s": {name: found.rates for name, found in results.items()},
        "failures": {name: found.failure for name, found in results.items() if found.failure},
    }


def main(arguments: list[str] | None = None) -> int:
    """Measures the three loaders; 0 if headrace read the files."""
    options = parse_arguments(arguments)
    try:
        findings = run(options)
    except (DataError, hr.HeadraceError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(findings, indent=1) + "\n")
    return 1 if "headrace" in findings["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())

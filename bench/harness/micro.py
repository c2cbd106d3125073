"""The Google Benchmark programs of bench/micro, run and put into tables."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report import Row
from harness.task import Metric


@dataclass(frozen=True)
class Micro:
    """One program of bench/micro.

    Attributes:
        name: the program and the marker in RESULTS.md.
        title: the heading of the report.
        metrics: counters of the program.
        state: what is measured and how.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    state: str


MICRO: dict[str, Micro] = {
    micro.name: micro
    for micro in (
        Micro(
            name="permutation_bench",
            title="Order: nanoseconds per index",
            metrics=(Metric("ns_per_index", "ns per index", "number"),),
            state=(
                "One thread; `batch_map` and `take`: 1,024 consecutive positions at a time, as a"
                " batch has them. 2^30 + 1 is the worst size: half of the values are encrypted"
                " again. `construct`: ns per permutation."
            ),
        ),
        Micro(
            name="gather_bench",
            title="Gather: rows copied by index",
            metrics=(
                Metric("ns_per_row", "ns per row", "number"),
                Metric("bytes_per_second", "bytes/s", "si", higher_is_better=True),
            ),
            state=(
                "One thread, random rows, 1,024 at a time into one reused batch. In cache: 256 KiB"
                " of rows; out of cache: 1 GiB of rows on huge pages."
            ),
        ),
        Micro(
            name="densify_bench",
            title="Densify: csr rows expanded to float32",
            metrics=(
                Metric("ns_per_row", "ns per row", "number"),
                Metric("bytes_per_second", "bytes/s", "si", higher_is_better=True),
            ),
            state=(
                "One thread, int32 indices, csr rows in the cache, 1,024 rows at a time into one"
                " reused batch on huge pages: 4 MiB of 1,024 columns, 117 MiB of 30,000. `cached`:"
                " plain stores; `streamed`: past the cache; `memset`: the same bytes, cleared only."
            ),
        ),
        Micro(
            name="element_functions_bench",
            title="Functions and casts: rows of 64 float32",
            metrics=(Metric("ns_per_row", "ns per row", "number"),),
            state=(
                "One thread, 256 rows in the cache, 16 at a time; for each set of vector"
                " instructions that the processor has."
            ),
        ),
        Micro(
            name="sparse_steps_bench",
            title="Steps of sparse values",
            metrics=(Metric("ns_per_value", "ns per value", "number"),),
            state=(
                "One thread, 64 rows of 600 values at a time, in the cache: cast to float32,"
                " normalise (`total`), `log1p`, 2,000 of 30,000 columns; for dense rows, and for"
                " csr, whose indices are checked and copied. `read_indices`: 32 float64 a row, half"
                " of them pads."
            ),
        ),
    )
}


def run(program: Path, metrics: tuple[Metric, ...], rounds: int, min_seconds: float) -> list[Row]:
    """Runs a program with interleaved repetitions and returns a row per benchmark."""
    command = [
        str(program),
        "--benchmark_format=json",
        f"--benchmark_repetitions={rounds}",
        f"--benchmark_min_time={min_seconds}",
        "--benchmark_enable_random_interleaving=true",
    ]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in json.loads(answer.stdout)["benchmarks"]:
        if entry.get("run_type") == "iteration":
            if entry.get("error_occurred"):
                raise RuntimeError(f"{entry['name']}: {entry['error_message']}")
            found.setdefault(entry["run_name"], []).append(entry)
    rows = sorted(found.items(), key=lambda item: _place(item[1][0]))
    return [
        Row(name, "", [{m.name: float(entry[m.name]) for m in metrics} for entry in entries])
        for name, entries in rows
    ]


def _place(entry: dict[str, Any]) -> tuple[int, int]:
    """Returns where a benchmark stands in its program; interleaving shuffles the output."""
    return entry["family_index"], entry["per_family_instance_index"]

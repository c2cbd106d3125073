"""The tasks: what is read, how much of it, by whom, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

COMPARE = Path(__file__).resolve().parent.parent / "compare"


@dataclass(frozen=True)
class Metric:
    """One measured quantity.

    Attributes:
        name: its key in a measurement.
        heading: its column in the report, with the unit.
        style: how `report.format_value` prints it.
        higher_is_better: which way a ratio is turned; ratios above 1 favour the reference.
    """

    name: str
    heading: str
    style: str
    higher_is_better: bool = False


@dataclass(frozen=True)
class Task:
    """One question put to several libraries.

    Attributes:
        name: the folder in bench/compare and the marker in RESULTS.md.
        title: the heading of the report.
        kind: the procedure in `harness.measure`.
        rows, width, batch_size, files: the data; `width` float32 features and an int64 label.
        libraries: file stems in the folder, or names in `programs`.
        metrics: what is reported; the first is the one compared.
        state: cache state and procedure, printed above the table.
        programs: name -> (executable, its options, what it is), for entries that are no Python.
        passes: passes over the data, where the procedure has a fixed number.
        reference: the library that the others are compared with; empty where nothing is.
        source: the folder in bench/compare, where another task has the same libraries.
    """

    name: str
    title: str
    kind: str
    rows: int
    width: int
    batch_size: int
    files: int
    libraries: tuple[str, ...]
    metrics: tuple[Metric, ...]
    state: str
    programs: tuple[tuple[str, str, tuple[str, ...], str], ...] = ()
    passes: int = 0
    reference: str = "headrace"
    source: str = ""

    @property
    def folder(self) -> Path:
        """Where the libraries' files are."""
        return COMPARE / (self.source or self.name)


_ROWS_PER_S = Metric("rows_per_s", "rows/s", "si", higher_is_better=True)
_FIRST_BATCH = (
    Metric("seconds", "to the first batch", "seconds"),
    Metric("anonymous_mib", "own memory, MiB", "number"),
    Metric("peak_rss_mib", "peak with pages of the files, MiB", "number"),
)
_MEMORY = (
    " Own memory: growth of anonymous memory from before to the first batch. The peak also counts"
    " pages of the page cache that are mapped, which the kernel takes back when it needs them."
)
_IN_ARRAYS = "64 float32 features and an int64 label in numpy arrays in RAM. "
_CHECKED_PASS = (
    "Each run is a fresh process: data made ready, one pass in which every feature of every row is"
    " checked (the warm-up), then timed passes for at least a second, each checked for every row"
    " exactly once. The consumer copies the labels of each batch and drops it."
)

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="ram",
            title="In RAM: shuffled rows to torch tensors",
            kind="throughput",
            rows=4_000_000,
            width=64,
            batch_size=1024,
            files=1,
            libraries=(
                "headrace",
                "headrace_1_thread",
                "bare_gather_2",
                "bare_gather_1",
                "torch_randperm_int32",
                "torch_randperm_int32_1_thread",
                "torch_randperm",
                "batch_sampler",
                "torch_dataloader",
            ),
            metrics=(_ROWS_PER_S,),
            state=_IN_ARRAYS + _CHECKED_PASS,
            programs=(
                (
                    "bare_gather_1",
                    "bare_gather",
                    ("--threads", "1"),
                    "the limit: C++ gather with prefetch into one reused batch, 1 thread",
                ),
                (
                    "bare_gather_2",
                    "bare_gather",
                    ("--threads", "2"),
                    "the limit: the same on 2 threads, each with its own batch",
                ),
            ),
        ),
        Task(
            name="mapped",
            title="Memory-mapped: the same rows in 8 raw files, warm",
            kind="throughput",
            rows=4_000_000,
            width=64,
            batch_size=1024,
            files=8,
            libraries=("headrace", "headrace_ram", "np_memmap_by_hand", "tutorial"),
            metrics=(_ROWS_PER_S,),
            state="8 raw files per column. Files read once before each run, so in the page cache. "
            + _CHECKED_PASS,
        ),
        Task(
            name="overhead",
            title="Overhead per batch: batches of one row, two columns",
            kind="throughput",
            source="ram",
            rows=200_000,
            width=64,
            batch_size=1,
            files=1,
            libraries=("headrace", "torch_randperm", "batch_sampler", "torch_dataloader"),
            metrics=(Metric("us_per_batch", "microseconds per batch", "number"),),
            state=_IN_ARRAYS + _CHECKED_PASS,
        ),
        Task(
            name="start",
            title="Start of a shuffled epoch over 10^9 rows",
            kind="sparse_start",
            rows=1_000_000_000,
            width=1,
            batch_size=1024,
            files=1,
            libraries=("headrace", "torch_randperm", "torch_dataloader"),
            metrics=_FIRST_BATCH,
            state=(
                "One sparse file of one byte per row (no blocks on the disk), in the page cache."
                " Each run is a fresh process without warm-up: from opening the file to holding the"
                " first batch, imports done before. The batch is checked for size, kind and value."
                + _MEMORY
            ),
        ),
        Task(
            name="many_files",
            title="Many files: 10,000 files of 1,000 rows per column",
            kind="files_start",
            rows=10_000_000,
            width=4,
            batch_size=1024,
            files=10_000,
            libraries=("headrace", "np_memmap_by_hand"),
            metrics=_FIRST_BATCH,
            state=(
                "Two columns, 20,000 files, in the page cache. Each run is a fresh process without"
                " warm-up: from the list of paths to holding the first shuffled batch, imports done"
                " before. The rows of the batch are checked. The tutorial's way is absent:"
                " np.memmap keeps a descriptor per map, which exceeds 20,000 (OSError 24)."
                + _MEMORY
            ),
        ),
        Task(
            name="steady",
            title="Steady state: 10^5 batches, then close",
            kind="steady",
            rows=1_024_000,
            width=16,
            batch_size=256,
            files=8,
            libraries=("headrace", "headrace_mapped"),
            reference="",
            metrics=(
                Metric("growth_mib", "memory growth over the batches, MiB", "number"),
                Metric("first_mib", "after the first pass, MiB", "number"),
                Metric("last_mib", "after the last, MiB", "number"),
                Metric("batches", "batches", "count"),
                Metric("threads", "threads left", "count"),
                Metric("descriptors", "descriptors left", "count"),
                Metric("file_maps", "file maps left", "count"),
            ),
            state=(
                "Each run is a fresh process: one pass and close first (lazy imports, arenas),"
                " counts taken, then 25 passes of 4,000 batches, each checked for every row exactly"
                " once, then close and counts again. Left = after minus before."
            ),
            passes=25,
        ),
    )
}

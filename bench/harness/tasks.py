"""The tasks: what is read, how much of it, by whom, and what is measured."""

from __future__ import annotations

from harness.open_tasks import OPEN_TASKS
from harness.sparse_tasks import SPARSE_TASKS
from harness.stream_tasks import STREAM_TASKS
from harness.task import BACKED, COLD_METRICS, ROWS_PER_S, Figure, Metric, Task
from harness.text_tasks import TEXT_TASKS

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

_COLD_PASS = (
    "One column of 1,024 float32 in 12 raw files. Each run is a fresh process: a pass over 2,048"
    " rows of other files (late imports), the files taken out of the page cache and 1,024 random"
    " pages of them seen to be absent, then one pass; its clock runs from before the files are"
    " opened. Of each row its number, a value in its middle and its last one are checked after the"
    " pass, of one batch in 512 every value."
)
# 12.3 GB.
_COLD_ROWS = 3_000_000


def _cold_fits() -> Task:
    return Task(
        name="cold_fits",
        title="Cold files that fit in free memory: 12 GB of 4 KiB rows",
        kind="cold",
        source="cold",
        data="numbered",
        rows=_COLD_ROWS,
        width=1024,
        batch_size=256,
        files=12,
        libraries=("cat", "headrace", "fio", "np_memmap_by_hand"),
        metrics=COLD_METRICS,
        state=_COLD_PASS,
        figures=(
            Figure("seconds of an epoch / those of cat", "headrace", "seconds", 1.25, False,
                   ("cat",), "seconds"),
            Figure("rows in the first 2 s / those of fio", "headrace", "first_rows_per_s", 0.5,
                   True, ("fio",), "rows_per_s"),
        ),
    )  # fmt: skip


def _cold_beyond() -> Task:
    fio = ("fio_before", "fio_after")
    return Task(
        name="cold_beyond",
        title="Cold files beyond free memory: room for a quarter of 12 GB of 4 KiB rows",
        kind="cold",
        source="cold",
        data="numbered",
        rows=_COLD_ROWS,
        width=1024,
        batch_size=256,
        files=12,
        libraries=("fio_before", "headrace", "fio_after", "np_memmap_by_hand", "cat",
                   "headrace_blocks"),
        metrics=COLD_METRICS,
        state=_COLD_PASS + " A pass ends after 20 s unless a row says otherwise.",
        pass_seconds=20,
        free_share=0.25,
        figures=(
            Figure("rows/s / the mean of fio before and after", "headrace", "rows_per_s", 0.9,
                   True, fio, "rows_per_s"),
            Figure("rows/s / those of np.memmap", "headrace", "rows_per_s", 50, True,
                   ("np_memmap_by_hand",), "rows_per_s"),
            Figure("BlockShuffle, rows/s / those of cat", "headrace_blocks", "rows_per_s", 0.85,
                   True, ("cat",), "rows_per_s"),
        ),
    )  # fmt: skip


def _transform() -> Task:
    return Task(
        name="transform",
        title="transform=: what a Python function of the batch costs",
        kind="throughput",
        rows=1_000_000,
        width=16,
        batch_size=256,
        files=1,
        libraries=("headrace", "headrace_identity", "headrace_identity_2_threads"),
        metrics=(Metric("us_per_batch", "microseconds per batch", "number"),),
        state="16 float32 features and an int64 label in numpy arrays in RAM. " + _CHECKED_PASS,
        figures=(
            Figure("microseconds per batch more than without", "headrace_identity",
                   "us_per_batch", 10, False, ("headrace",), "us_per_batch", difference=True),
        ),
    )  # fmt: skip


def _views() -> Task:
    def figure(library: str) -> Figure:
        text = f"rows/s of {library} / those without a view"
        return Figure(text, library, "rows_per_s", 0.85, True, ("headrace",), "rows_per_s")

    views = ("headrace_standardize", "headrace_log1p", "headrace_cast", "headrace_clip")
    return Task(
        name="views",
        title="Functions of columns as views: 64 float32 features on their way to a batch",
        kind="throughput",
        rows=2_000_000,
        width=64,
        batch_size=1024,
        files=1,
        libraries=("headrace", *views),
        metrics=(ROWS_PER_S,),
        state=_IN_ARRAYS + _CHECKED_PASS,
        figures=tuple(map(figure, views)),
    )


def _batch_sampler() -> Task:
    return Task(
        name="batch_sampler",
        title="BatchSampler: row numbers of 10^9 rows for anybody's Dataset",
        kind="sampler",
        rows=1_000_000_000,
        width=1,
        batch_size=1024,
        files=1,
        libraries=("headrace", "torch_batch_sampler"),
        metrics=(
            Metric("start_ms", "to the first batch, ms", "number"),
            Metric("anonymous_mib", "own memory, MiB", "number"),
            Metric("us_per_batch", "microseconds per batch", "number"),
        ),
        state=(
            "No data. Each run is a fresh process: from making the sampler to its first batch, then"
            " 10,000 batches of row numbers, as lists of int, which are checked to be distinct. Own"
            " memory: growth of anonymous memory to the first batch."
        ),
        figures=(
            Figure("milliseconds to the first batch", "headrace", "start_ms", 10, False),
            Figure("own memory, MiB (10^9 rows of one byte would be 954)", "headrace",
                   "anonymous_mib", 1, False),
            Figure("microseconds per batch", "headrace", "us_per_batch", 50, False),
        ),
    )  # fmt: skip


def _from_items() -> Task:
    return Task(
        name="from_items",
        title="from_items: a numpy function over 10,000 small files",
        kind="items",
        rows=10_000,
        width=8192,
        batch_size=1,
        files=10_000,
        libraries=("plain_loop", "headrace", "headrace_2_threads", "pool_map",
                   "headrace_2_processes"),
        metrics=(
            Metric("items_per_s", "files/s", "si", higher_is_better=True),
            Metric("seconds", "all files", "seconds"),
        ),
        state=(
            "10,000 raw files of 32 KiB, in the page cache. The function reads one and returns its"
            " mean spectrum (129 float32). Each run is a fresh process; eight files first, then all"
            " of them, from the list of paths to one array; every row is checked."
        ),
        figures=(
            Figure("files/s with one thread / those of a plain loop", "headrace", "items_per_s",
                   0.9, True, ("plain_loop",), "items_per_s"),
            Figure("files/s with two processes / those of a plain loop", "headrace_2_processes",
                   "items_per_s", 1.5, True, ("plain_loop",), "items_per_s"),
        ),
    )  # fmt: skip


def _map_files() -> Task:
    return Task(
        name="map_files",
        title="fn.map: a native transform over 10,000 small files",
        kind="file_map",
        rows=10_000,
        width=1,
        batch_size=1,
        files=10_000,
        libraries=("headrace", "inlined", "python_loop"),
        metrics=(
            Metric("items_per_s", "files/s", "si", higher_is_better=True),
            Metric("mb_per_s", "MB/s", "number", higher_is_better=True),
        ),
        state=(
            "10,000 text files of 1 to 17 KB, in the page cache. The transform hashes the words"
            " of a file, and its pairs of words, and measures its lines: a dense row and two ragged"
            " ones. Each run is a fresh process; eight files first, then all, from the list of"
            " paths to the list of results, all kept; without compiling. Every file's answer is"
            " checked." + BACKED
        ),
        figures=(
            Figure("files/s / those of the C++ program that has the transform inlined", "headrace",
                   "items_per_s", 0.8, True, ("inlined",), "items_per_s"),
            Figure("files/s / those of the same transform in Python", "headrace", "items_per_s",
                   50, True, ("python_loop",), "items_per_s"),
        ),
    )  # fmt: skip


def _shards() -> Task:
    return Task(
        name="shards",
        title="Shards: shuffled rows from shards and from raw files, warm",
        kind="throughput",
        rows=2_000_000,
        width=64,
        batch_size=1024,
        files=8,
        libraries=("headrace", "headrace_memmap"),
        metrics=(ROWS_PER_S,),
        state="8 shards, and 8 raw files per column; both in the page cache. " + _CHECKED_PASS,
        figures=(
            Figure("rows/s / those from raw files", "headrace", "rows_per_s", 0.95, True,
                   ("headrace_memmap",), "rows_per_s"),
        ),
    )  # fmt: skip


def _write() -> Task:
    return Task(
        name="write",
        title="Writing: 1 GB of rows in memory to durable files",
        kind="write",
        rows=240_000,
        width=1024,
        batch_size=1,
        files=1,
        libraries=("headrace", "headrace_batches", "cp", "np_save", "pyarrow_feather"),
        metrics=(
            Metric("mb_per_s", "MB/s", "si", higher_is_better=True),
            Metric("seconds", "until durable", "seconds"),
            Metric("growth_mib", "peak of own memory, MiB", "number"),
        ),
        state=(
            "1,024 float32 features and an int64 label in numpy arrays in RAM; cp has them in a"
            " file in the page cache. Each run is a fresh process: 64 rows first, then all of"
            " them, until they are on the disk (fsync of files and directories); every value is"
            " then read back and checked."
        ),
        figures=(
            Figure("MB/s in one call / those of cp", "headrace", "mb_per_s", 0.8, True, ("cp",),
                   "mb_per_s"),
            Figure("MB/s in batches / those of cp", "headrace_batches", "mb_per_s", 0.8, True,
                   ("cp",), "mb_per_s"),
            Figure("peak of own memory, MiB (a record batch is at most 64)", "headrace_batches",
                   "growth_mib", 128, False),
        ),
    )  # fmt: skip


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
            metrics=(ROWS_PER_S,),
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
            metrics=(ROWS_PER_S,),
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
        _cold_fits(),
        _cold_beyond(),
        _transform(),
        _views(),
        _batch_sampler(),
        _from_items(),
        _map_files(),
        _shards(),
        *OPEN_TASKS,
        _write(),
        *SPARSE_TASKS,
        *TEXT_TASKS,
        *STREAM_TASKS,
    )
}

"""The tasks about opening datasets of very many shards."""

from __future__ import annotations

from harness.task import Figure, Metric, Task

_PEAK = " Peak memory: growth of the peak from before to after."


def _open(
    name: str, title: str, shards: int, libraries: tuple[str, ...], state: str,
    figures: tuple[tuple[str, str, float], ...],
) -> Task:  # fmt: skip
    return Task(
        name=name,
        title=title,
        kind="open",
        rows=1000 * shards,
        width=16,
        batch_size=1024,
        files=shards,
        libraries=libraries,
        metrics=(
            Metric("open_ms", "to the open dataset, ms", "number"),
            Metric("peak_mib", "peak memory, MiB", "number"),
        ),
        state=state + _PEAK,
        figures=tuple(
            Figure(text, "headrace", metric, bound, False) for text, metric, bound in figures
        ),
    )


OPEN_TASKS = (
    _open(
        "open_shards",
        "Opening a dataset of 100,000 shards",
        100_000,
        ("headrace",),
        "A directory with a manifest of 100,000 shards of two record batches each, in the page"
        " cache; the shards are empty files, since none is opened. Each run is a fresh process"
        " without warm-up.",
        (
            ("milliseconds to the open dataset", "open_ms", 100),
            ("peak memory, MiB", "peak_mib", 61),
        ),
    ),
    _open(
        "open_store",
        "Opening a dataset of 1,000,000 shards in a store",
        1_000_000,
        ("headrace", "headrace_directory"),
        "A manifest of 1,000,000 shards of two record batches each, 104 MB in the page cache; there"
        " are no shards, since none is read. Each run is a fresh process without warm-up, which"
        " imports the store's client meanwhile.",
        (
            ("milliseconds to the open dataset", "open_ms", 1000),
            ("peak memory, MiB (200 MB)", "peak_mib", 190),
        ),
    ),
)

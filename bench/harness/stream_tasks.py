"""The tasks about rows that come from a store."""

from __future__ import annotations

from harness.task import BACKED, ROWS_PER_S, Figure, Metric, Task

_OURS = ("obstore_download", "headrace", "headrace_warm", "headrace_local")
_RIVALS = (
    *("litdata", "webdataset", "mosaicml_streaming"),
    *("hf_streaming", "hf_streaming_arrow"),
)


def _stream(
    name: str,
    title: str,
    limit: str,
    *,
    in_all: int = 0,
    each: int = 0,
    libraries: tuple[str, ...] = (*_OURS, *_RIVALS),
) -> Task:
    def figure(bound: float, other: str, what: str, ours: str = "headrace") -> Figure:
        text = f"{ours}, rows/s / {what}"
        return Figure(text, ours, "rows_per_s", bound, True, (other,), "rows_per_s")

    figures = (
        figure(0.95, "obstore_download", "a bare download of the same objects"),
        figure(0.9, "headrace_local", "the same shards on the disk", ours="headrace_warm"),
        Figure("to the first batch / a download of the manifest and one shard", "headrace",
               "first_batch_s", 1.5, False, ("obstore_download",), "first_batch_s"),
        figure(5, "litdata", "those of litData"),
        figure(5, "webdataset", "those of WebDataset"),
        figure(15, "mosaicml_streaming", "those of MosaicML Streaming"),
        figure(15, "hf_streaming", "those of Hugging Face streaming"),
        Figure("bytes sent / bytes stored", "headrace", "downloads", 1.01, False),
        Figure("peak of own memory, MiB", "headrace", "anonymous_mib", 300, False),
    )  # fmt: skip
    return Task(
        name=name,
        title=title,
        kind="stream",
        source="stream",
        data="stream",
        rows=2_000_000,
        width=256,
        batch_size=1024,
        files=32,
        libraries=libraries,
        metrics=(
            ROWS_PER_S,
            Metric("seconds", "whole pass", "seconds"),
            Metric("first_batch_s", "to the first batch", "seconds"),
            Metric("downloads", "bytes sent / bytes stored", "number"),
            Metric("anonymous_mib", "peak of own memory, MiB", "number"),
        ),
        megabytes_per_s=in_all,
        connection_megabytes_per_s=each,
        state=(
            "One column of 256 float32, 2 GB in 32 shards of 64 MB in each library's own format,"
            f" served by nginx on this machine from the page cache, {limit} Server and client share"
            " the cores. Each run is a fresh process with an empty cache directory: a pass over"
            " 2,048 rows of another dataset (late imports), then one pass in the order of the rows,"
            " from before the dataset is opened; three values of every row and all of one batch in"
            " 512 are checked. A library whose line says that it is on a part of the rows takes"
            " minutes for all of them: its dataset is that part of the 32 files, of which all its"
            " columns tell; its start is counted too, and weighs more. Own memory: anonymous memory"
            " of the process and its children; pages that these share count in each." + BACKED
        ),
        figures=tuple(figure for figure in figures if set(figure.others) <= set(libraries)),
    )


def _cache_limit() -> Task:
    entries = ("headrace", "headrace_4_processes", "headrace_4_in_a_lane")
    again = (("headrace", 0), ("headrace_4_processes", 3), ("headrace_4_in_a_lane", 0))
    return Task(
        name="cache_limit",
        title="The limit of a small cache: 491 MB of shards through a window of four",
        kind="cache_limit",
        data="stream",
        rows=480_000,
        width=256,
        batch_size=1024,
        files=30,
        libraries=entries,
        metrics=(
            Metric("most_share", "most bytes in the cache / its limit", "number"),
            Metric("looks", "looks", "count"),
            Metric("downloads", "bytes sent of shards / bytes stored", "number"),
            Metric("again", "shards that were sent again", "number"),
            Metric("room", "the limit, in shards", "number"),
            Metric("seconds", "whole pass", "seconds"),
        ),
        state=(
            "One column of 256 float32 in 30 shards of 16 MB, served by nginx on this machine from"
            " the page cache. ShardShuffle(window=4), one pass from an empty cache that has room"
            " for what each process must have: the windows of its lanes, a shard more in each, and"
            " one more. All the time another process adds up the sizes of the cache's files, under"
            " its lock, and now and then those of removed files that are still mapped. All rows are"
            " checked to come once, in one rank or another. Bytes sent of shards: by nginx's log;"
            " sent again: the bytes beyond those of one copy, in shards."
        ),
        reference="",
        figures=(
            *(Figure(f"{entry}, most bytes in the cache / its limit", entry, "most_share", 1, False)
              for entry in entries),
            *(Figure(f"{entry}, shards that were sent again (lanes - 1 are cut)", entry, "again",
                     bound, False) for entry, bound in again),
        ),
    )  # fmt: skip


STREAM_TASKS = (
    _stream(
        "stream",
        "Streaming: 2 GB of 1 KiB rows from a store of 300 MB/s",
        "which gives 300 MB/s to all connections together.",
        in_all=300,
    ),
    _stream(
        "stream_connections",
        "Streaming: 2 GB of 1 KiB rows from a store that gives each connection 40 MB/s",
        "which gives 40 MB/s to each connection, as object stores do.",
        each=40,
        libraries=("obstore_download", "headrace"),
    ),
    _stream(
        "stream_unlimited",
        "Streaming: 2 GB of 1 KiB rows from a store without a limit",
        "as fast as it can.",
    ),
    _cache_limit(),
)

"""The tasks about text: words and pairs of words hashed to columns."""

from __future__ import annotations

from harness.task import BACKED, Figure, Metric, Task


def _text_hash() -> Task:
    def figure(bound: float, library: str, what: str, ours: str = "headrace") -> Figure:
        return Figure(f"MB/s / those of {what}", ours, "mb_per_s", bound, True, (library,),
                      "mb_per_s")  # fmt: skip

    return Task(
        name="text_hash",
        title="Text to features: words and pairs of words in 2^18 columns, real text",
        kind="text",
        data="text",
        rows=125_000,
        width=1,
        bytes_per_row=2_200,
        batch_size=1,
        files=1,
        libraries=("headrace", "headrace_1_thread", "hashing_vectorizer", "plain_loop",
                   "numba_kernel", "vowpal_wabbit"),
        metrics=(
            Metric("mb_per_s", "MB/s of text", "si", higher_is_better=True),
            Metric("seconds", "all documents", "seconds"),
        ),
        state=(
            "Manual pages, documentation and sources of this machine, each text once, in documents"
            " of some 2,000 bytes, as a list of str. Each run is a fresh process: a hundred"
            " documents first, then all of them, to one sparse matrix of float64 that is compared"
            " with scikit-learn's, bit for bit (that of numba for documents of ASCII; of Vowpal"
            " Wabbit, which makes no matrix, the number of documents)." + BACKED
        ),
        figures=(
            figure(20, "hashing_vectorizer", "scikit-learn's HashingVectorizer"),
            figure(25, "plain_loop", "a plain Python loop"),
            figure(1, "numba_kernel", "a numba kernel on all cores"),
            figure(1, "vowpal_wabbit", "Vowpal Wabbit's parser, on one core",
                   ours="headrace_1_thread"),
        ),
    )  # fmt: skip


def _text_shards() -> Task:
    def figure(library: str, what: str) -> Figure:
        return Figure(f"MiB of memory, {what}", library, "growth_mib", 256, False)

    return Task(
        name="text_shards",
        title="Text files to shards: words and pairs of words in 2^18 columns, a row per line",
        kind="text_shards",
        data="text",
        rows=125_000,
        width=1,
        bytes_per_row=8_000,
        batch_size=1,
        files=1,
        libraries=("headrace", "headrace_once"),
        reference="",
        metrics=(
            Metric("growth_mib", "memory grows by, MiB", "number"),
            Metric("mb_per_s", "MB/s of text", "si", higher_is_better=True),
            Metric("text_mb", "text, MB", "number"),
            Metric("seconds", "until it is durable", "seconds"),
        ),
        state=(
            "The text of the task before, as one file, listed once or four times. Each run is a"
            " fresh process that converts one line first; then it is how far the peak of resident"
            " memory (VmHWM) goes beyond what was resident before. The number of rows is checked,"
            " and the first 2,000 against scikit-learn's HashingVectorizer, as pyarrow reads them."
        ),
        figures=(
            figure("headrace", "the text four times"),
            figure("headrace_once", "the text once"),
        ),
    )


TEXT_TASKS: tuple[Task, ...] = (_text_hash(), _text_shards())

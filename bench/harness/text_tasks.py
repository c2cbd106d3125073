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


TEXT_TASKS: tuple[Task, ...] = (_text_hash(),)

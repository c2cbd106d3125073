"""The tasks of bench/compare/sparse: the rows of a sparse matrix, made dense or left as CSR."""

from __future__ import annotations

from harness.task import BACKED, COLD_METRICS, ROWS_PER_S, Figure, Metric, Task

_CHECKED_PASS = (
    " Each run is a fresh process: files of the arrays read into memory, one pass of which every"
    " batch is compared with scipy's rows (the warm-up), then timed passes for at least a second,"
    " each checked for every row exactly once. The consumer copies the labels of each batch and"
    " drops it."
)
_WIDE = "30,000 columns, 400 to 800 stored float32 values in a row, indices of int32, in RAM."


def _faster(library: str, bound: float, other: str, what: str) -> Figure:
    return Figure(
        f"rows/s of {library} / those of {what}",
        library, "rows_per_s", bound, True, (other,), "rows_per_s",
    )  # fmt: skip


def _wide() -> Task:
    everyone = ("hf_datasets", "awkward_flatten", "collate_fn", "scdataset", "annloader")
    tuned = ("hf_datasets_tuned", "awkward_flatten_tuned", "collate_fn_tuned", "scdataset_tuned")
    return Task(
        name="sparse_wide",
        title="Sparse, wide: 400,000 x 30,000 with 600 values in a row, to dense tensors",
        kind="throughput",
        source="sparse",
        data="valued",
        rows=400_000,
        width=30_000,
        bytes_per_row=4_808,
        batch_size=1024,
        files=1,
        libraries=("headrace", "scipy_reused", "scipy_toarray", "scipy_tensor", *everyone, *tuned),
        metrics=(ROWS_PER_S,),
        state=_WIDE
        + " A dense batch has 123 MB. torch.zeros and torch.tensor take fresh pages of 4 KiB for"
        " each; numpy asks for huge pages, so the rivals are here in both forms." + _CHECKED_PASS,
        figures=(
            _faster("headrace", 12, "scipy_tensor", "torch.tensor(csr[idx].toarray())"),
            _faster("headrace", 1.2, "scipy_reused", "scipy's toarray into reused memory"),
            *(_faster("headrace", 8, library, library) for library in everyone),
        ),
    )


def _tutorial() -> Task:
    return Task(
        name="sparse_tutorial",
        title="Sparse, the tutorial's case: 4 M x 1,024 with 16 ones a row, to dense tensors",
        kind="throughput",
        source="sparse",
        data="binary",
        rows=4_000_000,
        width=1024,
        bytes_per_row=72,
        batch_size=1024,
        files=1,
        libraries=("headrace", "headrace_multi_hot", "scipy_toarray", "scipy_reused",
                   "torch_scatter", "numpy_rows", "tutorial_best", "tutorial"),
        metrics=(ROWS_PER_S,),
        state=(
            "8 to 24 ones in a row, indices of int32, in RAM; for multi_hot a raw file of float64"
            " indices, padded with -1 to 24, in the page cache." + _CHECKED_PASS
        ),
        figures=(
            _faster("headrace", 1.3, "scipy_toarray", "scipy's toarray"),
            _faster("headrace", 1.3, "torch_scatter", "torch's scatter_"),
            _faster("headrace", 30, "tutorial_best", "the tutorial's collate_fn at its best"),
            _faster("headrace", 80, "tutorial", "the tutorial's collate_fn as written"),
        ),
    )  # fmt: skip


def _csr() -> Task:
    return Task(
        name="sparse_csr",
        title="Sparse, CSR in and out: 400,000 x 30,000 with 600 values in a row",
        kind="throughput",
        source="sparse",
        data="valued_csr",
        rows=400_000,
        width=30_000,
        bytes_per_row=4_808,
        batch_size=1024,
        files=1,
        libraries=("headrace_csr", "headrace_csr_to_torch", "scipy_csr", "scipy_csr_to_torch"),
        reference="headrace_csr",
        metrics=(ROWS_PER_S,),
        state=_WIDE + _CHECKED_PASS,
        figures=(
            _faster("headrace_csr", 2, "scipy_csr", "scipy's csr[idx]"),
            _faster("headrace_csr_to_torch", 2, "scipy_csr_to_torch", "the same to torch"),
        ),
    )


def _cold() -> Task:
    fio = ("fio_rows_before", "fio_rows_after")
    blocks = "headrace_shards_blocks"
    return Task(
        name="sparse_cold",
        title="Sparse, cold shards beyond free memory: room for a quarter of 12 GB of CSR rows",
        kind="cold",
        source="sparse",
        data="csr_shards",
        rows=2_500_000,
        width=30_000,
        bytes_per_row=4_808,
        batch_size=256,
        files=12,
        libraries=("fio_rows_before", "headrace_shards", "fio_rows_after", "cat", blocks),
        reference="headrace_shards",
        metrics=COLD_METRICS,
        state=(
            "One csr column of 30,000 columns, 400 to 800 float32 values and int32 indices in a"
            " row, in 12 shards; batches are torch.sparse_csr. Each run is a fresh process: a pass"
            " over 2,048 rows of other shards (late imports), the shards taken out of the page"
            " cache and 1,024 random pages of them seen to be absent, then one pass of 20 s at"
            " most; its clock runs from before the shards are opened. Of each row its number, its"
            " last index and its last value are checked after the pass, of one batch in 512 every"
            " entry."
        ),
        pass_seconds=20,
        free_share=0.25,
        by_name_only=True,
        figures=(
            Figure("rows/s / those of the device for the pages of random rows, mean of before and"
                   " after", "headrace_shards", "rows_per_s", 0.8, True, fio, "rows_per_s"),
            Figure("BlockShuffle, rows/s / those of cat", blocks, "rows_per_s", 0.8, True,
                   ("cat",), "rows_per_s"),
        ),
    )  # fmt: skip


def _svmlight() -> Task:
    def figure(bound: float, other: str, what: str) -> Figure:
        text = f"MB/s / those of {what}"
        return Figure(text, "headrace", "mb_per_s", bound, True, (other,), "mb_per_s")

    return Task(
        name="svmlight",
        title="Svmlight: 1 GB of text, 900,000 rows of 60 to 90 values, to csr in memory",
        kind="svmlight",
        data="svmlight",
        rows=900_000,
        width=47_236,
        bytes_per_row=1_111,
        batch_size=1,
        files=1,
        libraries=("headrace", "headrace_1_thread", "headrace_to_scipy", "sklearn_load",
                   "xgboost_dmatrix"),
        metrics=(
            Metric("mb_per_s", "MB/s of text", "si", higher_is_better=True),
            Metric("seconds", "whole file", "seconds"),
        ),
        state=(
            "One file in the page cache, values of six decimals. Each run is a fresh process that"
            " reads it once; every number is then compared with what was written, bit for bit (of"
            " xgboost, which has a form of its own, how many there are)." + BACKED
        ),
        figures=(
            figure(25, "sklearn_load", "scikit-learn's load_svmlight_file"),
            figure(3, "xgboost_dmatrix", "xgboost's DMatrix"),
        ),
    )  # fmt: skip


SPARSE_TASKS: tuple[Task, ...] = (_wide(), _tutorial(), _csr(), _cold(), _svmlight())

"""What rows and batches show of columns with a layout, against numpy and scipy."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

scipy_sparse = pytest.importorskip("scipy.sparse")
torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:Sparse (CSR tensor support|invariant checks)")

ROWS, WIDTH = 61, 300


def weights(dtype: str = "float32") -> Any:
    """Rows in no order, with repeats, stored zeros and empty rows."""
    rng = np.random.default_rng(5)
    lengths = rng.integers(0, 12, ROWS)
    lengths[[0, 9, 10, ROWS - 1]] = 0
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices = rng.integers(0, WIDTH // 20, indptr[-1]) * 20
    values = rng.integers(0, 5, indptr[-1]).astype(dtype)
    return scipy_sparse.csr_array((values, indices, indptr), shape=(ROWS, WIDTH))


LISTS = [[(row * 7 + k) % 40 - 1 for k in range(row % 6)] for row in range(ROWS)]
TEXTS = ["né"[: row % 3] * (row % 4) for row in range(ROWS)]


def in_memory(folder: Path) -> hr.Dataset:
    return hr.from_arrays(
        w=weights(),
        k=hr.csr(indptr=weights().indptr, indices=weights().indices, columns=WIDTH),
        r=hr.ragged([np.array(row, np.int16) for row in LISTS]),
        t=TEXTS,
        y=np.arange(ROWS),
    )


def in_shards(folder: Path) -> hr.Dataset:
    ds = in_memory(folder)
    for rows in (slice(0, 20), slice(20, ROWS)):
        part = weights()[rows]
        with hr.Writer(folder / "shards") as writer:
            writer.write(
                w=hr.csr(indptr=part.indptr, indices=part.indices, values=part.data, columns=WIDTH),
                k=hr.csr(indptr=part.indptr, indices=part.indices, columns=WIDTH),
                r=hr.ragged(ds[rows]["r"]),
                t=TEXTS[rows],
                y=np.arange(ROWS)[rows],
            )
    return hr.open(str(folder / "shards"), io="pread")


def in_parts(folder: Path) -> hr.Dataset:
    """Rows of two datasets, out of order and put in order again."""
    ds = in_memory(folder)
    mixed = np.random.default_rng(1).permutation(ROWS)
    parts = [ds.subset(mixed[:17]), pickle.loads(pickle.dumps(ds)).subset(mixed[17:])]
    return hr.concat(parts).subset(np.argsort(mixed))


@pytest.fixture(name="ds", params=[in_memory, in_shards, in_parts])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> hr.Dataset:
    made: hr.Dataset = request.param(tmp_path)
    return made


def steps(rows: Any, layout: Any) -> Any:
    """The steps of a sparse layout in numpy, row by row, in float64; csr arrays."""
    parts = (rows.data.astype(np.float64), rows.indices, rows.indptr)  # rows.astype sums repeats
    out = scipy_sparse.csr_array(parts, shape=rows.shape)
    if getattr(layout, "binary", False):
        out.data[:] = 1
    if layout.total is not None:
        for begin, end in zip(out.indptr, out.indptr[1:], strict=False):
            total = out.data[begin:end].sum()
            if total:
                out.data[begin:end] *= layout.total / total
    out.data *= layout.scale
    if layout.log1p:
        out.data = np.log1p(out.data)
    return out


def dense_of(rows: Any, layout: Any) -> Any:
    dense = steps(rows, layout).toarray()
    if layout.binary:
        dense = (dense != 0).astype(np.float64)
    return dense if layout.columns is None else dense[:, list(layout.columns)]


LAYOUTS = [
    hr.Dense(),
    hr.Dense(dtype="float64", columns=[280, 0, 20, 3]),
    hr.Dense(binary=True, dtype="uint8"),
    hr.Dense(total=100, scale=0.5, log1p=True),
    hr.Dense(dtype="int32", columns=range(WIDTH - 1, -1, -1)),
    hr.Dense(total=10, columns=[20], dtype="float16"),
]
KEYS = [slice(None), slice(40, 3, -2), slice(9, 11), slice(5, 5), [60, 3, 3, 0, 17]]


@pytest.mark.parametrize("layout", LAYOUTS, ids=repr)
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_dense_is_what_scipy_makes(ds: hr.Dataset, layout: Any, key: Any) -> None:
    shown = ds.with_layout(w=layout)
    expected = dense_of(weights(), layout)[key].astype(layout.dtype)
    found = shown[key]["w"]
    assert found.dtype == layout.dtype
    assert found.shape == expected.shape
    tolerance = 2e-3 if layout.dtype == "float16" else 1e-6
    np.testing.assert_allclose(found, expected, rtol=tolerance)
    np.testing.assert_array_equal(shown["w"][key], found)


def test_large_batches_are_those_of_scipy() -> None:
    """Batches beyond the cache are written in another way, and read in several chunks."""
    rng = np.random.default_rng(8)
    lengths = rng.integers(0, 90, 2000)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    indices, values = rng.integers(0, 5000, indptr[-1]), rng.random(indptr[-1], dtype=np.float32)
    given = scipy_sparse.csr_array((values, indices, indptr), shape=(2000, 5000))
    expected = given.toarray()
    ds = hr.from_arrays(w=given, y=np.arange(2000)).with_layout(w="dense")
    for batch in hr.Loader(ds, batch_size=900, shuffle=True, output="numpy"):
        np.testing.assert_array_equal(batch["w"], expected[batch["y"]])


def test_sums_of_repeats_are_those_of_scipy_bit_for_bit() -> None:
    given = weights("float32")
    given.data = np.random.default_rng(0).random(len(given.data), dtype=np.float32)
    assert not given.has_canonical_format
    found = hr.from_arrays(w=given).with_layout(w="dense")[:]["w"]
    assert found.tobytes() == given.toarray().tobytes()


def test_binary_csr_is_one_also_where_an_index_is_repeated(ds: hr.Dataset) -> None:
    ones = (np.diff(weights().indptr)[:, None] > 0) & (
        scipy_sparse.csr_array(
            (np.ones(weights().nnz), weights().indices, weights().indptr), shape=(ROWS, WIDTH)
        ).toarray()
        > 0
    )
    np.testing.assert_array_equal(ds.with_layout(k="dense")[:]["k"], ones.astype(np.float32))


@pytest.mark.parametrize("layout", [hr.Csr(), hr.Coo(), hr.Csr(columns=[280, 20, 0], log1p=True)])
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_sparse_layouts_hold_the_same_numbers(ds: hr.Dataset, layout: Any, key: Any) -> None:
    shown = ds.with_layout(w=layout, k=layout)
    expected = dense_of(weights(), layout)[key]
    found = shown[key]["w"]
    assert scipy_sparse.issparse(found)
    assert found.format == layout.kind
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)
    assert shown[key]["k"].data.dtype == np.float32
    row = shown[17]["w"]
    assert isinstance(row, hr.SparseRow)
    dense = np.zeros(found.shape[1], np.float32)
    np.add.at(dense, row.indices, row.values)
    np.testing.assert_allclose(dense, dense_of(weights(), layout)[17], rtol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"side": "left"}, {"max_length": 7}, {"mask": True}], ids=str
)
@pytest.mark.parametrize("key", KEYS, ids=str)
def test_padded_rows_have_their_lengths_or_a_mask(
    ds: hr.Dataset, options: dict[str, Any], key: Any
) -> None:
    shown = ds.with_layout(r=hr.Padded(fill=-9, **options))
    wanted = [LISTS[row] for row in np.arange(ROWS)[key]]
    length = options.get("max_length", max(map(len, wanted), default=0))
    values, beside = shown[key]["r"]
    assert (values.dtype, values.shape) == (np.int16, (len(wanted), length))
    for place, row in enumerate(wanted):
        fill = [-9] * (length - len(row))
        left = options.get("side") == "left"
        assert values[place].tolist() == (fill + row if left else row + fill)
        if "mask" in options:
            assert beside[place].tolist() == [True] * len(row) + [False] * len(fill)
    if "mask" not in options:
        assert beside.tolist() == [len(row) for row in wanted]


def test_padded_text_is_its_bytes(ds: hr.Dataset) -> None:
    shown = ds.with_layout(t=hr.Padded(max_length=4, truncate=True, fill=255))
    values, lengths = shown[:]["t"]
    for place, text in enumerate(TEXTS):
        data = text.encode()[:4]
        assert bytes(values[place]) == data + b"\xff" * (4 - len(data))
        assert lengths[place] == len(data)


def test_a_row_that_is_too_long_is_an_error_of_its_row(ds: hr.Dataset) -> None:
    with pytest.raises(hr.InvalidError, match=r"row 4 of column r .*4 elements.*truncate") as error:
        ds.with_layout(r=hr.Padded(max_length=3))[4:8]
    assert error.value.column == "r"


def test_jagged_rows(ds: hr.Dataset) -> None:
    shown = ds.with_layout(r=hr.Jagged(dtype="float64"), t="jagged", w="jagged", k="jagged")
    batch = shown[[3, 0, 5]]
    values, offsets = batch["r"]
    assert (values.dtype, offsets.tolist()) == (np.float64, [0, 3, 3, 8])
    assert values.tolist() == LISTS[3] + LISTS[5]
    assert bytes(batch["t"].values).decode() == TEXTS[3] + TEXTS[0] + TEXTS[5]
    rows = weights()[[3, 0, 5]]
    for name in ("w", "k"):
        indices, offsets, found = batch[name]
        assert indices.tolist() == rows.indices.tolist()
        assert offsets.tolist() == rows.indptr.tolist()
        assert (found is None) == (name == "k")
        assert found is None or found.tolist() == rows.data.tolist()
    assert shown[5]["r"].tolist() == LISTS[5]


def same(one: Any, other: Any) -> bool:
    if scipy_sparse.issparse(other):
        return same(one.to_dense() if torch.is_tensor(one) else one.toarray(), other.toarray())
    if torch.is_tensor(one) and one.is_nested:
        return same((one.values(), one.offsets()), other)
    if isinstance(other, list) and len(other) and isinstance(other[0], np.ndarray):
        values, offsets = one
        return all(
            np.array_equal(values[a:b], row)
            for a, b, row in zip(offsets, offsets[1:], other, strict=False)
        )
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(np.array_equal(np.asarray(one), np.asarray(other)))


LOADED: list[dict[str, Any]] = [
    {"w": "dense", "k": "dense", "r": "padded", "t": "padded"},
    {"w": "csr", "k": "csr", "r": "jagged", "t": None},
    {"w": "coo", "k": "coo", "r": None, "t": "jagged"},
    {"w": hr.Jagged(nested=False), "k": "jagged", "r": hr.Padded(mask=True), "t": None},
]


@pytest.mark.parametrize("layouts", LOADED, ids=str)
@pytest.mark.parametrize("output", ["torch", "numpy"])
def test_a_loader_gives_what_the_dataset_gives(
    ds: hr.Dataset, layouts: dict[str, Any], output: Any
) -> None:
    shown = ds.with_layout(layouts)
    loader = hr.Loader(shown, batch_size=16, shuffle=True, seed=3, output=output)
    seen = []
    for batch in loader:
        rows = np.asarray(batch["y"])
        seen += rows.tolist()
        wanted = shown[rows]
        for name in ("w", "k", "r", "t"):
            assert same(batch[name], wanted[name]), name
    assert sorted(seen) == list(range(ROWS))


@pytest.mark.parametrize(
    ("layouts", "check"),
    [
        ({"w": "dense"}, lambda batch: batch["w"].shape == (8, WIDTH)),
        ({"r": "padded"}, lambda batch: batch["r"].values.shape[0] == 8),
        ({"r": hr.Padded(max_length=9, mask=True)}, lambda batch: batch["r"].mask.shape == (8, 9)),
    ],
    ids=["dense", "padded", "masked"],
)
def test_rows_are_collated_by_the_dataloader_of_torch(
    ds: hr.Dataset, layouts: dict[str, Any], check: Callable[[Any], bool]
) -> None:
    shown = ds.with_layout(layouts).select_columns([*layouts, "y"])
    batch = next(iter(torch.utils.data.DataLoader(shown, batch_size=8)))
    assert check(batch)
    assert same(batch[next(iter(layouts))], shown[:8][next(iter(layouts))])


@pytest.mark.parametrize("dtype", ["int16", "int64", "uint8", "float32", "float64"])
@pytest.mark.parametrize("pad", [200, None])
def test_multi_hot_of_any_dtype(tmp_path: Path, dtype: str, pad: int | None) -> None:
    rng = np.random.default_rng(2)
    indices = rng.integers(0, 90, (ROWS, 5)).astype(dtype)
    if pad is not None:
        indices[rng.random(indices.shape) < 0.3] = pad
    indices.tofile(tmp_path / "indices.memmap")
    expected = np.zeros((ROWS, 90), np.float32)
    for row, found in enumerate(indices.astype(int)):
        expected[row, found[found != (-1 if pad is None else pad)]] = 1
    files = hr.memmap({"x": str(tmp_path / "indices.memmap")}, dtype=dtype, row_shape=5)
    for ds in (files, hr.from_arrays(x=indices), hr.from_arrays(x=hr.ragged(list(indices)))):
        hot = ds.multi_hot("x", columns=90, pad=pad)
        np.testing.assert_array_equal(hot[:]["x"], expected)
        np.testing.assert_array_equal(hot["x"][[9, 9, 0]], expected[[9, 9, 0]])
        sparse = hot.with_layout(x="csr")[:]["x"]
        np.testing.assert_array_equal(sparse.toarray() > 0, expected > 0)
        loader = hr.Loader(hot.with_row_ids("row"), batch_size=7, shuffle=True)
        for batch in loader:
            np.testing.assert_array_equal(batch["x"].numpy(), expected[batch["row"].numpy()])


def test_multi_hot_as_bags_is_what_embeddings_take() -> None:
    rng = np.random.default_rng(4)
    indices = rng.integers(-1, 30, (ROWS, 6))
    ragged = hr.ragged([row[row >= 0] for row in indices])
    bag = torch.nn.EmbeddingBag(30, 5, mode="sum", include_last_offset=True)
    for given, pad in ((indices, -1), (ragged, None)):
        hot = hr.from_arrays(x=given).multi_hot("x", columns=30, pad=pad)
        bags = hot.with_layout(x=hr.Jagged())
        assert bags.schema["x"].layout == hr.Jagged(nested=False, dtype="float32")
        found = bags[:]["x"]
        assert found.indices.tolist() == indices[indices >= 0].tolist()
        assert bags[3]["x"].indices.tolist() == [index for index in indices[3] if index >= 0]
        (batch,) = hr.Loader(bags, batch_size=ROWS)
        wanted = torch.stack(
            [
                bag.weight[torch.tensor([i for i in row if i >= 0])].sum(0)
                for row in indices.tolist()
            ]
        )
        torch.testing.assert_close(bag(*batch["x"]), wanted)
        assert hot.with_layout(x=hr.Jagged(dtype="float64"))["x"][:].weights.dtype == np.float64
        assert same(bags.with_layout(x="dense")[:]["x"], hot[:]["x"])


def test_one_index_a_row_is_one_hot() -> None:
    ds = hr.from_arrays(x=np.array([2, 0, 1])).multi_hot("x", columns=3)
    assert ds[:]["x"].tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        ([[0, 1], [2, 9]], "9"),
        ([[0, 1], [2, -1]], "-1.*pad="),
        ([[0, 1.0], [2, 0.5]], r"0\.5"),
        ([[0, 1.0], [2, float("nan")]], "nan"),
        ([[0, 1.0], [2, float("inf")]], "inf"),
    ],
)
def test_an_index_that_cannot_be_names_its_row(indices: Any, said: str) -> None:
    hot = hr.from_arrays(x=np.array(indices)).multi_hot("x", columns=9)
    assert hot[0]["x"].sum() == 2
    with pytest.raises(hr.HeadraceError, match=f"(?i)row 1.*{said}") as error:
        hot[:]
    assert (error.value.column, error.value.row) == ("x", 1)
    with pytest.raises(hr.HeadraceError, match=f"(?i)row 1.*{said}"):
        list(hr.Loader(hot, batch_size=2))


def test_all_rows_empty_in_every_layout() -> None:
    ds = hr.from_arrays(
        w=scipy_sparse.csr_array((4, 6), dtype=np.float32),
        k=hr.csr([[]] * 4, columns=6),
        r=hr.ragged([np.empty(0, np.int32)] * 4),
        t=[""] * 4,
        i=np.full((4, 2), -1),
    ).multi_hot("i", columns=6, pad=-1)
    for layouts in LOADED:
        shown = ds.with_layout(layouts)
        for output in ("torch", "numpy"):
            (batch,) = hr.Loader(shown, batch_size=4, output=output)
            for name in ("w", "k", "r", "t", "i"):
                assert same(batch[name], shown[:][name]), name
        assert shown[:0]["w"] is not None
        assert shown[2]["i"].tolist() == [0.0] * 6


def test_stacks_are_read_like_a_tensor(tmp_path: Path) -> None:
    np.save(tmp_path / "c.npy", np.arange(ROWS, dtype=np.float64) / 2)
    ds = hr.zip(
        [
            hr.from_arrays(a=np.arange(ROWS, dtype=np.float64), b=np.ones(ROWS), y=np.arange(ROWS)),
            hr.open({"c": str(tmp_path / "c.npy")}),
        ]
    ).stack(x=["c", "a", "b"])
    expected = np.stack([np.arange(ROWS) / 2, np.arange(ROWS), np.ones(ROWS)], axis=1)
    np.testing.assert_array_equal(ds[:]["x"], expected)
    np.testing.assert_array_equal(ds["x"][[5, 1]], expected[[5, 1]])
    for batch in hr.Loader(ds.cast(x="float32"), batch_size=9, shuffle=True):
        np.testing.assert_array_equal(batch["x"].numpy(), expected[batch["y"].numpy()])


def test_a_dense_layout_that_memory_does_not_hold_is_refused() -> None:
    ds = hr.from_arrays(x=hr.csr([[1]] * 1000, columns=2**31 - 1)).with_layout(x="dense")
    with pytest.raises(hr.InvalidError, match=r"column x: 1000 rows .*need 8589934588000 bytes"):
        ds[:]


def test_casts_of_ragged_and_csr(ds: hr.Dataset) -> None:
    shown = ds.cast(r="float64").with_layout(w="csr").cast(w="float64")
    assert shown[3]["r"].dtype == np.float64
    assert shown[3]["r"].tolist() == LISTS[3]
    assert shown[:]["w"].data.dtype == np.float64

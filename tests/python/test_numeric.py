"""Numeric and categorical functions: as views, on arrays, in conversions; statistics for them."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

ROWS = 5000


def rows(seed: int = 3, *, width: int = 7, dtype: str = "float32") -> Any:
    rng = np.random.default_rng(seed)
    return (rng.normal(1e3, np.arange(1, width + 1), (ROWS, width))).astype(dtype)


def test_statistics_are_those_of_numpy_and_the_same_for_any_threads() -> None:
    x = rows()
    x[::7, 2] = np.nan
    x[:, 5] = np.nan
    x[:, 6] = 0.1
    ds = hr.from_arrays(x=x, y=np.arange(ROWS), flag=np.ones(ROWS, bool))
    stats = hr.fit(ds)
    assert list(stats) == ["x", "y"]
    wide = x[:, :5].astype(np.float64)
    np.testing.assert_array_equal(stats["x"].count, np.count_nonzero(~np.isnan(x), axis=0))
    np.testing.assert_allclose(stats["x"].mean[:5], np.nanmean(wide, axis=0), rtol=1e-13)
    np.testing.assert_allclose(stats["x"].var[:5], np.nanvar(wide, axis=0), rtol=1e-9)
    np.testing.assert_array_equal(stats["x"].min[:5], np.nanmin(wide, axis=0))
    np.testing.assert_array_equal(stats["x"].max[:5], np.nanmax(wide, axis=0))
    for threads in (1, 2, 5):
        again = hr.fit(ds, "x", threads=threads)["x"]
        np.testing.assert_array_equal(again.mean, stats["x"].mean)
        np.testing.assert_array_equal(again.squares, stats["x"].squares)


def test_statistics_of_parts_are_added() -> None:
    ds = hr.from_arrays(x=rows())
    whole = hr.fit(ds)["x"]
    parts = hr.fit(ds.subset(range(0, ROWS, 2))) + hr.fit(ds.subset(range(1, ROWS, 2)))
    np.testing.assert_array_equal(parts["x"].count, whole.count)
    np.testing.assert_allclose(parts["x"].mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(parts["x"].squares, whole.squares, rtol=1e-9)
    assert pickle.loads(pickle.dumps(parts))["x"].mean.tolist() == parts["x"].mean.tolist()
    with pytest.raises(hr.InvalidError, match="cannot be added"):
        parts + hr.fit(hr.from_arrays(z=rows()))
    with pytest.raises(hr.InvalidError, match=r"shape \(7,\) and of \(2,\) cannot be merged"):
        parts + hr.fit(hr.from_arrays(x=rows(width=2)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_standardize_is_the_scaler_of_scikit_learn(dtype: str) -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = rows(dtype=dtype)
    x[:, 6] = 0.1  # no variance but what rounding leaves
    ds = hr.from_arrays(x=x)
    found = ds.with_columns(x=hr.standardize(hr.fit(ds)))["x"][:]
    expected = preprocessing.StandardScaler().fit_transform(x.astype(np.float64))
    assert found.dtype == x.dtype
    # The mean of equal numbers may be off in its last place, and what is left is not scaled up.
    np.testing.assert_allclose(
        found, expected, rtol=1e-6 if dtype == "float32" else 1e-9, atol=1e-9
    )


def test_views_give_the_same_everywhere(tmp_path: Path) -> None:
    ds = hr.from_arrays(x=rows(), y=np.arange(ROWS) % 10)
    stats = hr.fit(ds)
    function = hr.compose(hr.standardize(stats["x"]), hr.clip(-0.9, 2), hr.log1p())
    view = ds.with_columns(x=function, y=hr.one_hot(10))
    wide = (rows().astype(np.float64) - stats["x"].mean) / stats["x"].std
    expected = np.log1p(np.clip(wide, -0.9, 2))
    whole = view["x"][:]
    np.testing.assert_allclose(whole, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(function(rows()), whole)
    np.testing.assert_array_equal(view["y"][:], np.eye(10, dtype=np.float32)[np.arange(ROWS) % 10])
    np.testing.assert_array_equal(view[17]["x"], whole[17])
    batches = list(hr.Loader(view, batch_size=999, num_threads=2, output="numpy"))
    np.testing.assert_array_equal(np.concatenate([batch["x"] for batch in batches]), whole)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(view))["x"][:], whole)

    hr.convert(
        [0, 1],
        tmp_path / "out",
        transform=hr.compose(lambda k: {"x": rows(), "k": np.full(ROWS, k)}, x=function),
        version="1",
        progress=False,
    )
    np.testing.assert_array_equal(hr.open(tmp_path / "out")["x"][:ROWS], whole)


def test_files_are_standardized_on_their_way(tmp_path: Path) -> None:
    for k in range(3):
        np.save(tmp_path / f"{k}.npy", rows(k))
    for access in ("mmap", "pread"):
        ds = hr.open({"x": str(tmp_path / "*.npy")}, io=access)
        stats = hr.fit(ds)
        found = ds.with_columns(x=hr.standardize(stats))["x"][:]
        np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(found.std(axis=0), 1, rtol=1e-5)


def test_bucketize_is_that_of_torch() -> None:
    torch = pytest.importorskip("torch")
    x = np.array([-np.inf, -1, 0.5, 1, 2, 3, np.inf, np.nan])
    for right in (False, True):
        found = hr.bucketize([0.5, 1, 3], right=right)(x)
        expected = torch.bucketize(
            torch.from_numpy(x), torch.tensor([0.5, 1, 3], dtype=torch.float64), right=right
        )
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, expected.numpy())


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "int8"])
def test_bucketize_compares_integers_exactly(dtype: str, right: bool) -> None:
    limits = np.iinfo(dtype)
    low, high = int(limits.min), int(limits.max)
    numbers = [low, low + 1, -1, 0, 1, 7, high - 2, high - 1, high]
    if dtype.endswith("64"):
        numbers += [2**53 + 1, 1_700_000_000_000_000_000, 1_700_000_000_000_000_001]
    numbers = [number for number in numbers if low <= number <= high]
    edges = sorted([*numbers, *numbers[2:4], -(2**70), 2**70, -np.inf, np.inf, 0.5, -0.5, 1e300])
    expected = [sum(e <= x if right else e < x for e in edges) for x in numbers]
    x = np.array(numbers, dtype)
    assert hr.bucketize(edges, right=right)(x).tolist() == expected
    shown = hr.from_arrays(x=x).with_columns(x=hr.bucketize(edges, right=right))
    again = pickle.loads(pickle.dumps(shown)).subset(slice(None, None, -1))
    assert again["x"][:].tolist() == expected[::-1]


def test_categories_are_hashed_to_sparse_columns() -> None:
    ids = np.array([[5, 9], [9, 5], [7, -7]])
    ds = hr.from_arrays(x=ids).with_columns(x=hr.hash_categories(50, seed=3))
    assert ds.schema["x"].layout is not None
    dense = hr.hash_categories(50, seed=3, layout="dense")(ids)
    assert dense.shape == (3, 50)
    np.testing.assert_array_equal(dense[0], dense[1])
    np.testing.assert_array_equal(ds["x"][:].toarray(), dense)
    bags = hr.hash_categories(50, seed=3, layout="jagged")(ids)
    assert bags.offsets.tolist() == [0, 2, 4, 6]
    assert bags.indices.tolist() == ds["x"][:].indices.tolist()
    assert bags.weights.tolist() == [1.0] * 6
    again = ds.with_layout(x=hr.Jagged())
    assert again["x"][1:].indices.tolist() == bags.indices.tolist()[2:]
    assert not np.array_equal(hr.hash_categories(50, seed=4, layout="dense")(ids), dense)


@pytest.mark.parametrize(
    ("function", "column", "error", "message"),
    [
        (hr.standardize, "z", hr.InvalidError, "none of column 'z'"),
        (lambda s: hr.standardize(s["x"]), "z", hr.InvalidError, "statistics of 7 numbers"),
        (lambda s: hr.log1p(), "t", hr.UnsupportedError, "column t is text"),
        (lambda s: hr.hash_categories(5), "x", hr.InvalidError, "whole numbers"),
        (
            lambda s: hr.hash_categories(5),
            "t",
            hr.UnsupportedError,
            r"encode_labels .*text\.Hasher",
        ),
        (lambda s: hr.compose(hr.one_hot(5), hr.log1p()), "y", hr.UnsupportedError, "comes last"),
        (lambda s: np.log1p, "x", hr.InvalidError, r"such as hr\.log1p\(\), not x="),
        (lambda s: hr.log1p(), "none", hr.HeadraceError, "none"),
    ],
)
def test_what_does_not_fit_is_refused(
    function: Any, column: str, error: type[Exception], message: str
) -> None:
    ds = hr.from_arrays(
        x=rows(), y=np.arange(ROWS) % 5, z=rows(width=3), t=["a", "b"] * (ROWS // 2)
    )
    stats = hr.fit(ds, "x", "y")
    with pytest.raises(error, match=message):
        ds.with_columns({column: function(stats)})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (hr.clip, "low=, high= or both"),
        (lambda: hr.clip(2, 1), "low <= high"),
        (lambda: hr.clip("1"), "low is a real number"),  # type: ignore[arg-type]
        (lambda: hr.clip(10**400), "low is beyond the range of float64"),
        (lambda: hr.clip(high=np.complex64(1)), "high is a real number"),  # type: ignore[arg-type]
        (lambda: hr.bucketize([2, 1]), "ascend"),
        (lambda: hr.bucketize([np.nan]), "ascend"),
        (lambda: hr.standardize({"x": 1}), "as hr.fit"),  # type: ignore[arg-type]
        (lambda: hr.one_hot(0), "columns must lie between"),
        (lambda: hr.hash_categories(5, layout="coo"), '"dense" or "jagged"'),  # type: ignore[arg-type]
        (hr.compose, "found none"),
        (lambda: hr.compose(3), "not 3"),  # type: ignore[arg-type]
        (lambda: hr.compose(x=np.log1p), "by name, not x="),  # type: ignore[arg-type]
        (lambda: hr.compose(len, x=hr.log1p())([1]), "no columns by name: a int"),
        (lambda: hr.compose(dict, x=hr.log1p())({"y": 1}), "of column 'x', and there are y"),
        (lambda: hr.fit([1]), "takes a dataset"),  # type: ignore[arg-type]
        (lambda: hr.fit(hr.from_arrays(t=["a"])), "no column of numbers"),
        (lambda: hr.from_arrays(x=[1.0]).with_columns(), "with_columns takes functions by column"),
    ],
)
def test_wrong_arguments_are_said(call: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        call()


def test_statistics_are_of_tensors() -> None:
    ds = hr.from_arrays(w=hr.csr([[2], [], [0, 1]], columns=3))
    with pytest.raises(hr.UnsupportedError, match=r"with_layout\(w=\"dense\"\)"):
        hr.fit(ds, "w")
    np.testing.assert_allclose(hr.fit(ds.with_layout(w="dense"))["w"].mean, 1 / 3)


def test_statistics_of_ragged_columns_are_of_their_elements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("headrace.stored_rows._STEP_BYTES", 500)
    lengths = np.arange(60) % 7
    values = np.random.default_rng(1).normal(size=lengths.sum()).astype(np.float32)
    ds = hr.from_arrays(r=hr.ragged(values, offsets=[0, *np.cumsum(lengths)]), t=["a"] * 60)
    stats = hr.fit(ds, "r")["r"]
    assert [stats.count, stats.min, stats.max] == [len(values), values.min(), values.max()]
    np.testing.assert_allclose([stats.mean, stats.var], [values.mean(), values.var()], rtol=1e-5)
    shown = ds.with_columns(r=hr.standardize(stats)).with_layout(r="jagged")
    (batch,) = hr.Loader(shown.select_columns(["r"]), batch_size=60, output="numpy")
    np.testing.assert_allclose(batch["r"].values.std(), 1, rtol=1e-4)
    assert hr.fit(ds.with_layout(r="padded"), "r")["r"].mean == stats.mean
    pairs = hr.from_arrays(r=hr.ragged([np.ones((2, 3)), np.zeros((1, 3))]))
    np.testing.assert_allclose(hr.fit(pairs, "r")["r"].mean, [2 / 3] * 3)
    assert hr.fit(hr.from_arrays(r=hr.ragged([np.empty(0)])), "r")["r"].count == 0
    for shown in (ds, ds.with_layout(t="padded")):
        with pytest.raises(hr.UnsupportedError, match=r"'t' is text.*encode_labels\('t'\)"):
            hr.fit(shown, "t")


def test_statistics_of_sparse_columns_are_for_batches() -> None:
    ds = hr.from_arrays(w=hr.csr([[2], [], [0, 1]], columns=3))
    dense = ds.with_layout(w="dense")
    standardize = hr.standardize(hr.fit(dense, "w"))
    for shown in (ds, dense):
        with pytest.raises(hr.UnsupportedError, match=r"hr\.Dense\(.*Loader\(transform=\)"):
            shown.with_columns(w=standardize)
    loader = hr.Loader(
        dense, batch_size=3, output="numpy", transform=lambda batch: standardize(batch["w"])
    )
    np.testing.assert_allclose(next(iter(loader)).mean(axis=0), 0, atol=1e-6)


def test_statistics_travel_as_json() -> None:
    torch = pytest.importorskip("torch")
    x = rows()
    x[:, 1] = np.nan  # a column without a number: its least is infinite
    stats = hr.fit(hr.from_arrays(x=x, y=np.arange(ROWS) / 3))
    file = io.BytesIO()
    torch.save(stats.to_dict(), file)
    file.seek(0)
    for received in (
        json.loads(json.dumps(stats.to_dict(), allow_nan=False)),
        torch.load(file, weights_only=True),
    ):
        again = hr.Statistics.from_dict(received)
        for name, one in stats.items():
            for fact in ("count", "mean", "squares", "min", "max"):
                found = getattr(again[name], fact)
                assert found.dtype == getattr(one, fact).dtype
                np.testing.assert_array_equal(found, getattr(one, fact))
        np.testing.assert_array_equal((again + stats)["x"].mean, stats["x"].mean)
    wrong: Any
    for wrong in ({"x": {}}, {"x": stats["x"].to_dict() | {"mean": [1.0]}}, {"x": 3}, [1]):
        with pytest.raises(hr.InvalidError, match=r"to_dict\(\)"):
            hr.Statistics.from_dict(wrong)


def test_stacks_and_windows_are_standardized_by_their_columns() -> None:
    x = rows(width=2)
    stacked = hr.from_arrays(a=x[:, 0], b=x[:, 1]).stack(x=["a", "b"])
    plain = hr.from_arrays(x=x)
    stats = hr.fit(plain)
    np.testing.assert_array_equal(hr.fit(stacked)["x"].mean, stats["x"].mean)
    expected = plain.with_columns(x=hr.standardize(stats))["x"][:]
    shown = stacked.with_columns(x=hr.standardize(stats))
    np.testing.assert_array_equal(shown["x"][:], expected)
    batch = next(iter(hr.Loader(shown, batch_size=100, output="numpy")))
    np.testing.assert_array_equal(batch["x"], expected[:100])
    seen = hr.windows(plain, length=4, stride=1).with_columns(x=hr.standardize(stats))
    np.testing.assert_array_equal(seen[7]["x"], expected[7:11])


def test_a_number_beyond_the_columns_has_advice_that_can_be_followed() -> None:
    with pytest.raises(hr.InvalidError, match=r"pass columns= above.*Dataset\.multi_hot has pad="):
        hr.one_hot(3)(np.array([3]))

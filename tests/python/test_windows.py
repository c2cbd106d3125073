"""Windows of consecutive rows, against numpy's sliding_window_view."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

import headrace as hr

Array = NDArray[Any]
Numbered = Callable[[int], hr.Dataset]
RunScript = Callable[..., Any]


def reference(values: Array, length: int, stride: int) -> Array:
    """Windows as numpy makes them, the window's rows before the shape of a row."""
    return np.moveaxis(sliding_window_view(values, length, axis=0)[::stride], -1, 1)


@pytest.fixture
def tokens() -> Array:
    return np.random.default_rng(7).integers(0, 50_000, 20_011).astype(np.uint16)


@pytest.fixture
def token_files(tokens: Array, tmp_path: Path) -> hr.Dataset:
    """The tokens in raw files of odd sizes, some shorter than a window."""
    bounds = [0, 1, 4_099, 4_100, 4_107, 12_000, 12_000, 20_011]
    for k, (start, stop) in enumerate(itertools.pairwise(bounds)):
        tokens[start:stop].tofile(tmp_path / f"{k:02}.bin")
    return hr.memmap({"t": f"{tmp_path}/*.bin"}, dtype="uint16")


@pytest.mark.parametrize(
    ("length", "stride"), [(1025, 1024), (1025, 1), (128, 128), (7, 300), (20_011, 5), (1, 1)]
)
def test_windows_of_token_files_are_numpys(
    token_files: hr.Dataset, tokens: Array, length: int, stride: int
) -> None:
    shown = hr.windows(token_files, length=length, stride=stride)
    expected = reference(tokens, length, stride)
    assert shown.schema == hr.Schema([hr.Field("t", "uint16", (length,))])
    assert len(shown) == len(expected)
    some = np.random.default_rng(1).permutation(len(shown))[:200]
    np.testing.assert_array_equal(shown["t"][some], expected[some])
    np.testing.assert_array_equal(shown[-1]["t"], expected[-1])
    np.testing.assert_array_equal(shown[1:9:3]["t"], expected[1:9:3])


@pytest.mark.parametrize("num_threads", [1, 2, 8])
@pytest.mark.parametrize("shuffle", [False, True, hr.BlockShuffle(block_rows=16, window=3)])
def test_every_window_comes_once_an_epoch(
    token_files: hr.Dataset, tokens: Array, num_threads: int, shuffle: Any
) -> None:
    shown = hr.windows(token_files, length=33, stride=32).with_row_ids("row")
    expected = reference(tokens, 33, 32)
    loader = hr.Loader(
        shown, batch_size=10, shuffle=shuffle, seed=3, num_threads=num_threads, output="numpy"
    )
    seen = []
    for batch in loader:
        np.testing.assert_array_equal(batch["t"], expected[batch["row"]])
        seen.extend(batch["row"].tolist())
    assert sorted(seen) == list(range(len(expected)))
    assert (seen == sorted(seen)) == (shuffle is False)


def test_length_alone_gives_windows_side_by_side(numbered: Numbered) -> None:
    shown = hr.windows(numbered(23), length=5)
    assert shown["y"][:].tolist() == np.arange(20).reshape(4, 5).tolist()
    assert shown["x"].shape == (4, 5, 3)
    assert shown[2]["x"][0].tolist() == [10, 20, -10]


def test_inputs_and_targets_of_a_language_model(token_files: hr.Dataset, tokens: Array) -> None:
    loader = hr.Loader(hr.windows(token_files.cast("int64"), length=65, stride=64), batch_size=8)
    first = next(iter(loader))["t"]
    assert first.dtype == torch.int64
    x, y = first[:, :-1], first[:, 1:]
    assert x.flatten().tolist() == tokens[: 8 * 64].tolist()
    assert y.flatten().tolist() == tokens[1 : 8 * 64 + 1].tolist()


def below(name: str, ds: hr.Dataset) -> hr.Dataset:
    rows = len(ds)
    views: dict[str, Callable[[], hr.Dataset]] = {
        "slice": lambda: ds.subset(slice(3, rows - 2)),
        "step": lambda: ds.subset(slice(rows - 1, 4, -3)),
        "list": lambda: ds.subset([5, 1, 1, 8, 30, 31, 32, 2, 40]),
        "split": lambda: ds.split(0.7, seed=4)[0],
        "concat": lambda: hr.concat([ds.subset(slice(10, 20)), ds]),
        "concat of chosen rows": lambda: hr.concat([ds.subset([4, 2]), ds, ds.split(0.5)[1]]),
        "cast": lambda: ds.cast(x="float64", y="int16"),
        "zip": lambda: hr.zip(
            [ds.select_columns(["y"]), ds.subset(list(range(rows))).select_columns(["x"])]
        ),
        "row ids": lambda: ds.subset(slice(7, None)).with_row_ids("row"),
        "windows": lambda: hr.windows(ds, length=3, stride=2),
    }
    return views[name]()


@pytest.mark.parametrize(
    "view",
    [
        *("slice", "step", "list", "split", "concat", "concat of chosen rows"),
        *("cast", "zip", "row ids", "windows"),
    ],
)
@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_windows_of_every_view_are_windows_of_its_rows(tiers: Any, tier: str, view: str) -> None:
    ds = below(view, tiers(50)[tier])
    length, stride = 4, 3
    shown = hr.windows(ds, length=length, stride=stride)
    for name in ds.schema:
        expected = reference(ds[name][:], length, stride)
        np.testing.assert_array_equal(shown[name][:], expected)
        assert shown.schema[name].row_shape == expected.shape[1:]
        assert shown.schema[name].dtype == ds.schema[name].dtype
    for batch in hr.Loader(shown, batch_size=5, shuffle=True, output="numpy", num_threads=2):
        for name in ds.schema:
            assert batch[name].shape[1] == length


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
def test_views_of_windows_show_the_windows_that_they_choose(tiers: Any, tier: str) -> None:
    shown = hr.windows(tiers(50)[tier], length=6, stride=4)
    starts = np.arange(0, 45, 4)
    assert shown["y"][:, 0].tolist() == starts.tolist()
    assert shown.subset([7, 2])["y"][:, 0].tolist() == [28, 8]
    assert shown.subset(slice(9, 2, -3))["y"][:, 5].tolist() == [41, 29, 17]
    train, test = shown.split(0.75, seed=2)
    assert sorted([*train["y"][:, 0], *test["y"][:, 0]]) == starts.tolist()
    both = hr.concat([test, shown])
    np.testing.assert_array_equal(both["y"][:, 0], [*test["y"][:, 0], *starts])
    zipped = hr.zip([shown.select_columns(["x"]), hr.from_arrays(label=starts)])
    np.testing.assert_array_equal(zipped["x"][:, 0, 0], zipped["label"])
    cast = shown.cast("float64")
    np.testing.assert_array_equal(cast["y"][:], shown["y"][:])
    assert shown.cast(y="uint8")["y"][-1].dtype == np.uint8


def test_within_stays_in_its_series() -> None:
    rng = np.random.default_rng(5)
    lengths = rng.integers(1, 40, 300)
    ids = np.repeat(rng.integers(0, 9, 300), lengths)  # neighbours with one id are one series
    x = rng.normal(size=(len(ids), 2)).astype(np.float32)
    ds = hr.from_arrays(x=x, id=ids)
    borders = [0, *(np.flatnonzero(np.diff(ids)) + 1), len(ids)]
    starts = [
        start
        for first, end in itertools.pairwise(borders)
        for start in range(first, end - 16 + 1, 5)
    ]
    shown = hr.windows(ds, length=16, stride=5, within="id").with_row_ids("row")
    assert len(shown) == len(starts)
    for batch in hr.Loader(shown, batch_size=32, shuffle=True, output="numpy"):
        for row, values, series in zip(batch["row"], batch["x"], batch["id"], strict=True):
            np.testing.assert_array_equal(values, x[starts[row] : starts[row] + 16])
            assert len(set(series)) == 1


def test_within_goes_across_files(tiers: Any) -> None:
    ids = np.arange(50) // 20
    for tier, ds in tiers(50).items():
        both = hr.zip([ds, hr.from_arrays(id=ids)])
        shown = hr.windows(both, length=8, stride=6, within="id")
        assert shown["y"][:, 0].tolist() == [0, 6, 12, 20, 26, 32, 40], tier


def test_a_window_is_located_by_its_first_row(token_files: hr.Dataset) -> None:
    shown = hr.windows(token_files, length=10, stride=10).subset(slice(None, None, -1))
    path, row = shown.locate(len(shown) - 1 - 410)  # the window of tokens 4100 to 4110
    assert (Path(path).name, row) == ("03.bin", 0)


def test_positional_columns_stay_positional() -> None:
    ds = hr.windows(hr.from_arrays(np.arange(6), np.arange(6.0)), length=3, within=None)
    assert list(ds.schema) == ["0", "1"]
    assert ds[1][0].tolist() == [3, 4, 5]
    shown = hr.windows(hr.from_arrays(np.arange(5), [1, 1, 2, 2, 2]), length=2, within="1")
    assert shown["0"][:].tolist() == [[0, 1], [2, 3]]


def test_a_resume_goes_on_with_the_next_window(token_files: hr.Dataset) -> None:
    def loader(num_threads: int) -> hr.Loader:
        shown = hr.windows(token_files, length=129, stride=128).split(0.9, seed=1)[0]
        return hr.Loader(
            shown, batch_size=8, shuffle=True, seed=4, num_threads=num_threads, output="numpy"
        )

    first = loader(2)
    whole = [batch["t"] for batch in loader(1)]
    batches = iter(first)
    for _ in range(5):
        next(batches)
    later = loader(8)
    later.load_state_dict(first.state_dict())
    rest = [batch["t"] for batch in later]
    np.testing.assert_array_equal(np.concatenate(rest), np.concatenate(whole[5:]))
    other = hr.Loader(hr.windows(token_files, length=129, stride=64), output="numpy")
    with pytest.raises(hr.InvalidError):
        other.load_state_dict(first.state_dict())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 24}, "a window has 24 rows and the dataset has 23"),
        ({"length": 0}, "length must lie between 1"),
        ({"length": 2, "stride": 0}, "stride must lie between 1"),
        ({"length": 2, "stride": -1}, "stride must lie between 1"),
        ({"length": 2.5}, "length must be an int"),
        ({"length": 2, "within": "z"}, "no column 'z'; the columns are 'x', 'y'"),
        ({"length": 2, "within": 1}, "named by a str"),
        ({"length": 2, "within": "y"}, "longest series of equal values in column y has 1"),
    ],
)
def test_windows_that_cannot_be(arguments: Any, message: str, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.windows(numbered(23), **arguments)


def test_windows_are_made_of_a_dataset() -> None:
    with pytest.raises(hr.InvalidError, match=r"not of a ndarray; see hr\.from_arrays"):
        hr.windows(np.arange(9), length=3)  # type: ignore[arg-type]


def test_windows_and_stored_rows_of_their_shape_do_not_join() -> None:
    shown = hr.windows(hr.from_arrays(x=np.arange(8)), length=4)
    with pytest.raises(hr.UnsupportedError, match="column x has 4 stored rows in dataset 0"):
        hr.concat([shown, hr.from_arrays(x=np.arange(8).reshape(2, 4))])


@pytest.mark.parametrize(
    "read",
    [
        lambda ds: ds[-1],
        lambda ds: ds["t"][:],
        lambda ds: ds.cast("float32")["t"][-1],
        lambda ds: list(hr.Loader(ds, batch_size=4, shuffle=True, output="numpy")),
        lambda ds: list(hr.Loader(ds.cast("int64"), batch_size=64)),
    ],
    ids=["row", "column", "cast", "loader", "loader with cast"],
)
def test_a_truncated_file_is_an_error(
    read: Callable[[hr.Dataset], Any], token_files: hr.Dataset, tmp_path: Path
) -> None:
    shown = hr.windows(token_files, length=1025, stride=512)
    assert len(shown["t"][:]) == len(shown)
    os.truncate(tmp_path / "06.bin", 2)
    with pytest.raises(hr.TruncatedError, match=r"06\.bin") as caught:
        read(shown)
    assert caught.value.file == str(tmp_path / "06.bin")


def test_ctrl_c_stops_the_search_for_series(run_script: RunScript) -> None:
    done = run_script(
        """
        import signal, threading, time
        import numpy as np, headrace as hr

        ds = hr.from_arrays(x=np.broadcast_to(np.uint8(1), (1 << 40,)))
        timer = threading.Timer(0.5, lambda: signal.raise_signal(signal.SIGINT))
        timer.start()
        start = time.monotonic()
        try:
            hr.windows(ds, length=1000, within="x")
        except KeyboardInterrupt:
            print("stopped", time.monotonic() - start < 20)
        """
    )
    assert done.stdout.split() == ["stopped", "True"], done.stderr

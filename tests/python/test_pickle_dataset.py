"""Datasets in other processes: a pickle is how the dataset was made, not its rows."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import subprocess
import weakref
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr
import headrace.dataset

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]

VIEWS: dict[str, Callable[[hr.Dataset], hr.Dataset]] = {
    "itself": lambda ds: ds,
    "slice": lambda ds: ds.subset(slice(3, 17)),
    "step": lambda ds: ds.subset(slice(None, None, -2)),
    "subset": lambda ds: ds.subset([5, 1, 5]),
    "mask": lambda ds: ds.subset(ds["y"] > 9),
    "train": lambda ds: ds.split(0.8, seed=3)[0],
    "test": lambda ds: ds.split([0.5, 0.3, 0.2], seed=3)[2],
    "select": lambda ds: ds.select_columns(["y"]),
    "cast": lambda ds: ds.cast(x="int32").cast("uint8"),
    "concat": lambda ds: hr.concat([ds.subset([2, 1]), ds, ds]),
    "zip": lambda ds: hr.zip([ds.select_columns(["y"]), ds.select_columns(["x"])]),
}


def same(a: hr.Dataset, b: hr.Dataset) -> None:
    assert repr(a) == repr(b)
    assert a._core.fingerprint() == b._core.fingerprint()
    settings: dict[str, Any] = {"batch_size": 4, "shuffle": True, "seed": 7, "output": "numpy"}
    with hr.Loader(a, **settings) as first, hr.Loader(b, **settings) as second:
        for ours, theirs in zip(first, second, strict=True):
            for name in a.schema:
                np.testing.assert_array_equal(ours[name], theirs[name])


@pytest.mark.parametrize("tier", ["memory", "raw", "npy"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("carry", [lambda ds: pickle.loads(pickle.dumps(ds)), copy.deepcopy])
def test_every_view_is_the_same_afterwards(
    tier: str, view: str, carry: Callable[[Any], Any], tiers: Tiers
) -> None:
    ds = VIEWS[view](tiers(21)[tier])
    again = carry(ds)
    same(ds, again)
    same(ds, carry(again))  # what was unpickled can be pickled


def test_a_part_of_a_split_by_file_is_the_same_afterwards(tmp_path: Path) -> None:
    for k in range(20):
        np.save(tmp_path / f"{k}.npy", np.arange(k + 1))
    for part in hr.open({"y": f"{tmp_path}/*.npy"}).split(0.5, by="file", seed=1):
        same(part, pickle.loads(pickle.dumps(part)))


def test_tuple_rows_stay_tuple_rows() -> None:
    ds = hr.from_arrays(np.zeros((3, 2)), torch.arange(3)).select_columns(["1"])
    assert pickle.loads(pickle.dumps(ds))[1] == (1,)


@pytest.mark.parametrize("dtype", ["bfloat16", "uint16", "bool"])
def test_tensors_come_back_with_their_values(dtype: str) -> None:
    tensor = torch.arange(12).reshape(6, 2)[::2].to(getattr(torch, dtype))
    again = pickle.loads(pickle.dumps(hr.from_arrays(x=tensor)))
    assert again.schema["x"].dtype == dtype
    with hr.Loader(again, batch_size=3, output="dlpack") as loader:
        (batch,) = loader
    assert torch.equal(torch.utils.dlpack.from_dlpack(batch["x"]), tensor)


def test_the_memory_of_a_tensor_stays_where_it_is() -> None:
    tensor = torch.arange(1_000)
    address = tensor.data_ptr()
    ds = hr.from_arrays(tensor)
    # torch pickles tensors for other processes by moving them to shared memory, under our feet.
    same(ds.as_dict("y"), pickle.loads(ForkingPickler.dumps(ds)).as_dict("y"))
    assert tensor.data_ptr() == address


@pytest.mark.parametrize("strided", [lambda a: a[::-2], lambda a: a[:, :3], lambda a: a[1:]])
def test_only_the_rows_of_strided_arrays_are_pickled(strided: Any) -> None:
    array = np.arange(60_000.0).reshape(10_000, 6)
    array.setflags(write=False)
    ds = hr.from_arrays(x=strided(array))
    data = pickle.dumps(ds)
    assert len(data) < strided(array).nbytes + 2_000
    same(ds, pickle.loads(data))


def test_files_are_pickled_as_paths(tmp_path: Path) -> None:
    np.zeros(1_000_000).tofile(tmp_path / "x.bin")
    assert len(pickle.dumps(hr.memmap(str(tmp_path / "x.bin"), dtype="float64"))) < 2_000


def test_relative_paths_survive_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.arange(4))
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(hr.open({"y": "a.npy"}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert pickle.loads(data)["y"][:].tolist() == [0, 1, 2, 3]


def test_parts_that_are_pickled_together_share_arrays_and_files(tmp_path: Path) -> None:
    array = np.arange(100_000)
    train, test = hr.from_arrays(y=array).split(0.5)
    assert len(pickle.dumps((train, test))) < array.nbytes + 5_000
    paths = [str(tmp_path / f"{k:04}.npy") for k in range(200)]
    for path in paths:
        np.save(path, np.arange(2))
    parts = hr.open({"y": paths}).split([0.25] * 4)
    assert len(pickle.dumps(parts)) < 1.2 * len(pickle.dumps(parts[0]))


def test_a_thousand_views_on_top_of_each_other_are_pickled(numbered: Numbered) -> None:
    ds = numbered(3_000)
    for _ in range(1_000):
        ds = ds.subset(slice(1, None)).cast(y="int32" if len(ds) % 2 else "int64")
    same(ds, pickle.loads(pickle.dumps(ds)))
    same(ds, copy.deepcopy(ds))


def test_copy_is_the_dataset_itself(numbered: Numbered) -> None:
    ds = numbered(4)
    assert copy.copy(ds) is ds
    assert copy.copy(ds["y"])[:].tolist() == [0, 1, 2, 3]


def test_a_deep_copy_has_arrays_of_its_own() -> None:
    array = np.arange(4)
    again = copy.deepcopy(hr.from_arrays(y=array))
    array[:] = 9
    assert again["y"][:].tolist() == [0, 1, 2, 3]


def test_columns_are_pickled_without_the_others(numbered: Numbered) -> None:
    y = numbered(10).subset([3, 1])["y"]
    for again in (pickle.loads(pickle.dumps(y)), copy.deepcopy(y)):
        assert repr(again) == repr(y)
        assert again[:].tolist() == [3, 1]
    second = hr.from_arrays(np.zeros((10_000, 9)), np.arange(10_000))["1"]
    assert len(pickle.dumps(second)) < 90_000
    assert pickle.loads(pickle.dumps(second)).name == "1"


@pytest.mark.parametrize(
    "chosen",
    [
        lambda ds: ds.select_columns(["y"]),
        lambda ds: ds.subset([4, 2]).cast("int32").select_columns(["y"]).subset([1]),
        lambda ds: hr.zip([hr.from_arrays(z=np.arange(10_000)), ds]).select_columns(["z", "y"]),
        lambda ds: hr.concat([ds, ds]).select_columns(["y"]),
    ],
)
def test_columns_that_a_view_has_dropped_are_not_pickled(
    chosen: Callable[[hr.Dataset], hr.Dataset], numbered: Numbered
) -> None:
    ds = hr.zip([hr.from_arrays(x=np.zeros((10_000, 16))), numbered(10_000).select_columns(["y"])])
    view = chosen(ds)
    data = pickle.dumps(view)
    assert len(data) < 200_000
    same(view, pickle.loads(data))


@pytest.mark.parametrize(
    "narrow",
    [
        lambda x, y: hr.zip([x, y]).select_columns(["y"]),
        lambda x, y: hr.concat([x.select_columns(["x"]), y.rename(y="x")]).subset(slice(10, 20)),
    ],
)
def test_what_a_view_does_not_need_is_freed(narrow: Callable[..., hr.Dataset]) -> None:
    array = np.arange(10)
    gone = weakref.ref(array)
    view = narrow(hr.from_arrays(x=array), hr.from_arrays(y=np.arange(10, 20)))
    del array
    gc.collect()
    hr.from_arrays(np.zeros(1))  # the core frees arrays of others at such calls
    assert gone() is None
    same(view, pickle.loads(pickle.dumps(view)))


def test_arrays_that_only_the_core_holds_are_pickled() -> None:
    ds = hr.from_arrays(np.arange(100_000), torch.arange(100_000)).subset(np.arange(50_000)[::-1])
    gc.collect()
    again = pickle.loads(pickle.dumps(ds))
    assert again[0] == (49_999, 49_999)
    assert again[-1] == (0, 0)
    np.testing.assert_array_equal(again["0"], np.arange(50_000)[::-1])


def test_an_array_that_is_missed_is_never_silent(numbered: Numbered) -> None:
    ds = numbered(10)
    ds._made.recipe.arguments[1][0]._reference = lambda: None  # as if the core had dropped it
    data = pickle.dumps(ds)
    with pytest.raises(hr.InvalidError, match="other rows than the dataset that was pickled"):
        pickle.loads(data)
    same(ds.select_columns(["y"]), pickle.loads(pickle.dumps(ds.select_columns(["y"]))))


def test_a_view_of_another_version_says_so(numbered: Numbered) -> None:
    ds = numbered(10).subset([1])
    ds._made.recipe.make = "teleport"
    with pytest.raises(hr.UnsupportedError, match="'teleport', which this version"):
        pickle.loads(pickle.dumps(ds))


def test_large_arrays_are_pickled_with_a_warning(
    numbered: Numbered, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = numbered(1_000)
    pickle.dumps(ds)
    monkeypatch.setattr(headrace.dataset, "_LARGE_PICKLE", 19_000)
    with pytest.warns(UserWarning, match=r"copies 20 KB of arrays.*hr\.memmap"):
        pickle.dumps(ds)
    copy.deepcopy(ds)  # asked for by name
    pickle.dumps(ds.select_columns(["y"]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda path: path.unlink(), hr.NotFoundError, "does not exist"),
        (lambda path: os.truncate(path, 160), hr.TruncatedError, "160 bytes and had 208"),
        (lambda path: np.save(path, np.arange(99)), hr.InvalidError, "had 208"),
        (lambda path: np.save(path, np.zeros(10)), hr.InvalidError, "float64.*int64"),
    ],
    ids=["gone", "shorter", "longer", "other dtype"],
)
def test_files_that_have_changed_are_refused(
    change: Callable[[Path], None], error: type[hr.HeadraceError], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.arange(10))
    data = pickle.dumps(hr.open(str(path)).cast("float32").subset([3]))
    change(path)
    with pytest.raises(error, match=message) as caught:
        pickle.loads(data)
    assert caught.value.file == str(path)
    assert str(path) in str(caught.value)


def test_rows_that_move_from_file_to_file_are_refused(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in "ab"]
    for path in paths:
        np.arange(4).tofile(path)
    data = pickle.dumps(hr.memmap(paths, dtype="int64"))
    np.arange(5).tofile(paths[0])
    np.arange(3).tofile(paths[1])  # as many rows as before
    with pytest.raises(hr.InvalidError, match="40 bytes and had 32"):
        pickle.loads(data)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_every_kind_get_the_dataset(method: str, run_script: RunScript) -> None:
    done = run_script(
        f"""
        import multiprocessing
        import numpy as np
        import headrace as hr

        def rows(ds, queue):
            queue.put(ds["y"][:].tolist())

        if __name__ == "__main__":
            context = multiprocessing.get_context({method!r})
            np.save("a.npy", np.arange(8))
            memory, file = hr.from_arrays(y=np.arange(8)), hr.open({{"y": "a.npy"}})
            assert memory[0]["y"] == file[0]["y"] == 0
            for ds in memory, file:
                queue = context.Queue()
                worker = context.Process(target=rows, args=(ds.subset([5, 3]), queue))
                worker.start()
                assert queue.get(timeout=50) == [5, 3]
                worker.join()
        """,
        as_file=True,
    )
    assert done.returncode == 0, done.stderr

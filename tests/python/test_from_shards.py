"""Shards that a function loads: once each, ahead of need, kept in a cache, the same ever after."""

from __future__ import annotations

import contextlib
import functools
import gc
import itertools
import json
import pickle
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.loaded import catalogue

SIDS = ["a", "b", "c", "d", "e"]


class Source:
    """A store of one's own, which counts what is asked of it."""

    def __init__(self, rows: int = 40) -> None:
        self.rows = rows
        self.calls: list[Any] = []

    def __call__(self, sid: str) -> dict[str, Any]:
        self.calls.append(sid)
        return columns(SIDS.index(sid) * self.rows, self.rows)


def columns(first: int, rows: int) -> dict[str, Any]:
    """Rows of every kind, told apart by their numbers."""
    numbers = np.arange(first, first + rows)
    lengths = numbers % 3
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    return {
        "x": numbers[:, None] + np.arange(8, dtype=np.float32),
        "y": numbers,
        "text": [f"row {number}" * (number % 5) for number in numbers],
        "blob": [bytes([number % 256]) * (number % 4) for number in numbers],
        "bag": hr.ragged([np.arange(number % 7, dtype=np.int32) for number in numbers]),
        "w": hr.csr(indptr=indptr, indices=np.repeat(numbers % 50, lengths), columns=50),
    }


def load_numbers(sid: int) -> np.ndarray[Any, Any]:
    """A function that another process finds by its name."""
    return np.arange(10 * sid, 10 * sid + 10)


def same(found: Any, expected: Any) -> None:
    """Compares slices of datasets."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if name == "w":
            assert (found[name] != value).nnz == 0
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
        else:
            assert all(map(np.array_equal, found[name], value)), name


def open_numbered(source: Any, cache: Path | None = None, **options: Any) -> hr.Dataset:
    return hr.from_shards(SIDS, source, cache=cache, **{"version": "1", **options})


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def memory() -> hr.Dataset:
    """The same rows in memory."""
    return hr.from_arrays(**columns(0, 200))


@pytest.mark.parametrize("rows", [40, [40] * 5, None])
def test_rows_are_those_that_the_function_returns(
    rows: Any, source: Source, memory: hr.Dataset, tmp_path: Path
) -> None:
    ds = open_numbered(source, tmp_path, rows=rows)
    assert (len(ds), ds.schema, ds.shard_ids) == (200, memory.schema, SIDS)
    # The first to see what the columns are.
    assert sorted(source.calls) == (SIDS if rows is None else ["a"])
    same(ds[:], memory[:])
    same(ds[[199, 3, 77, 3]], memory[[199, 3, 77, 3]])
    assert ds[77]["y"] == 77
    assert sorted(source.calls) == SIDS


@pytest.mark.parametrize("result", [tuple, list])
def test_a_tuple_or_an_array_gives_tuple_rows(result: type, tmp_path: Path) -> None:
    def load(sid: int) -> Any:
        x = np.arange(4.0) + sid
        return (x, x > 1) if result is tuple else x

    ds = hr.from_shards([0, 4], load, cache=tmp_path)
    assert np.asarray(ds[5]).ravel()[0] == 5
    assert len(ds.schema) == (2 if result is tuple else 1)


def test_a_dataset_and_an_arrow_table_are_columns_by_name(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    tables = {
        "dataset": lambda sid: hr.from_arrays(x=np.arange(3) + sid, t=["a", "b", "c"]),
        "table": lambda sid: pyarrow.concat_tables(
            [
                pyarrow.table({"x": [sid, sid + 1], "t": ["a", "b"]}),
                pyarrow.table({"x": [sid + 2], "t": ["c"]}),
            ]
        ),
    }
    for name, load in tables.items():
        ds = hr.from_shards([0, 3], load, cache=tmp_path / name, version="1")
        assert ds["x"][:].tolist() == list(range(6))
        assert ds[5]["t"] == "c"


@pytest.mark.parametrize("shuffle", [False, hr.ShardShuffle(window=2)])
def test_an_epoch_loads_each_shard_once_and_is_that_of_memory(
    shuffle: Any, source: Source, memory: hr.Dataset, tmp_path: Path
) -> None:
    ds = open_numbered(source, tmp_path, rows=40)
    options: dict[str, Any] = {"batch_size": 30, "shuffle": shuffle, "seed": 3, "output": "numpy"}
    with hr.Loader(ds.with_layout(w="dense"), **options) as loader:
        found = [batch["y"].tolist() for batch in loader]
        assert loader.stats()["shard_fetches"] <= 5
    assert sorted(source.calls) == SIDS
    assert sorted(itertools.chain.from_iterable(found)) == list(range(200))
    if not shuffle:
        assert found == [
            b["y"].tolist() for b in hr.Loader(memory.select_columns(["y"]), **options)
        ]


def test_a_cache_smaller_than_the_data_keeps_its_limit_and_loads_again(
    source: Source, tmp_path: Path
) -> None:
    limit = 3 * 16384
    ds = open_numbered(source, tmp_path, rows=40, cache_bytes=limit)
    numbers = ds.select_columns(["y", "text"])
    loader = hr.Loader(numbers, batch_size=20, shuffle=hr.ShardShuffle(window=1), output="numpy")
    for _ in range(3):
        assert sorted(np.concatenate([b["y"] for b in loader]).tolist()) == list(range(200))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*.shard")) <= limit
    assert len(source.calls) > 5


def test_the_next_start_loads_nothing(source: Source, tmp_path: Path) -> None:
    before = open_numbered(source, tmp_path)
    content = before[3:60]
    del before
    again = Source()
    ds = open_numbered(again, tmp_path)
    same(ds[3:60], content)
    assert len(ds) == 200
    assert again.calls == []


def test_counts_are_kept_beyond_the_shards(source: Source, tmp_path: Path) -> None:
    open_numbered(source, tmp_path, cache_bytes="40KB")
    assert len(list(tmp_path.rglob("*.shard"))) < 5
    again = Source()
    assert len(open_numbered(again, tmp_path, cache_bytes="40KB")) == 200
    assert again.calls == []
    (file,) = tmp_path.glob("*.loads.json")
    content = json.loads(file.read_text())
    changes: list[dict[str, Any]] = [
        {"columns": {"a": 1}},
        {"shards": {sid: [40, 2**61] for sid in SIDS}},
        {"shards": {sid: [2**60, 9] for sid in SIDS}},
        {"columns": content["columns"] | {"batch_rows": 2**61}},
    ]
    del content["hash"]
    damaged = [content | change for change in changes]
    whole = [json.dumps(data | {"hash": catalogue._hash(data)}) for data in damaged]
    for damage in ("{", "[]", json.dumps(damaged[0] | {"hash": ""}), *whole):
        file.write_text(damage)
        assert len(open_numbered(Source(), tmp_path, cache_bytes="40KB")) == 200


def test_shards_without_rows_are_left_out(tmp_path: Path) -> None:
    def load(sid: int) -> dict[str, Any]:
        return {"x": np.arange(float(sid))}

    ds = hr.from_shards([2, 0, 3, 10], load, rows=[2, 0, 3, 10], cache=tmp_path / "a")
    assert ds.shard_ids == ["2", "3", "10"]
    found = hr.from_shards([0, 5, 1], load, cache=tmp_path / "b")
    assert (found.shard_ids, len(found)) == (["5", "1"], 6)
    three = hr.from_shards([5, 1], lambda sid: np.arange(3), rows=np.array(3))  # type: ignore[arg-type]
    assert len(three) == 6
    with pytest.raises(hr.NotFoundError, match=r"shard 5 among.*ids of shards are text: '5'"):
        found.select_shards([5])  # type: ignore[list-item]
    with pytest.raises(hr.InvalidError, match="all shards have zero rows"):
        hr.from_shards([0], load, cache=tmp_path / "c")


def test_what_the_function_raises_is_the_cause(tmp_path: Path) -> None:
    def load(sid: str) -> dict[str, Any]:
        return {"x": np.arange({"a": 3, "b": 3}[sid])}

    ds = hr.from_shards(["a", "gone", "b"], load, rows=3, cache=tmp_path)
    assert ds["x"][6:].tolist() == [0, 1, 2]
    for read in (lambda: ds[4], lambda: list(hr.Loader(ds, batch_size=2, output="numpy"))):
        with pytest.raises(hr.TransformError, match=r"shard gone of .*load.*KeyError: 'gone'") as e:
            read()
        assert e.value.file == "gone"
        assert isinstance(e.value.__cause__, KeyError)
        assert e.value.__cause__.__traceback__ is not None
    with pytest.raises(hr.TransformError, match=r"shard other of .*KeyError: 'other'") as first:
        hr.from_shards(["other"], load, rows=3)
    assert isinstance(first.value.__cause__, KeyError)


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        ({"x": np.arange(3.0)}, hr.InvalidError, "shard b .*column 'x' is int64.*float64"),
        ({"z": np.arange(3)}, hr.InvalidError, "shard b .*lacks column 'x'"),
        ({"x": np.arange(4)}, hr.InvalidError, "shard b .*returned 4 rows, and 3 are expected"),
        (np.arange(3), hr.InvalidError, "shard b .*a tuple or an array, and columns by name"),
        (None, hr.TransformError, r"shard b .*None \(is a return missing\?\)"),
        ([1, 2], hr.TransformError, "shard b .*returned a list"),
        ({"x": [None] * 3}, hr.HeadraceError, "shard b .*'x'"),
    ],
)
def test_a_shard_that_is_not_like_the_first_is_an_error(
    other: Any, error: type[Exception], message: str, tmp_path: Path
) -> None:
    ds = hr.from_shards(
        ["a", "b"],
        lambda sid: {"x": np.arange(3)} if sid == "a" else other,
        rows=3,
        cache=tmp_path,
        version="1",
    )
    with pytest.raises(error, match=message):
        ds[5]
    assert ds["x"][:3].tolist() == [0, 1, 2]


def test_rows_that_were_counted_otherwise_are_an_error(tmp_path: Path) -> None:
    def load(sid: str) -> dict[str, Any]:
        return {"x": np.arange(3)}

    hr.from_shards(["a"], load, cache=tmp_path)
    with pytest.raises(
        hr.InvalidError, match=r"shard a of .*had 3 rows.*4 are expected now.*rows="
    ):
        hr.from_shards(["a"], load, rows=4, cache=tmp_path)[0]


def test_a_shard_that_no_cache_holds_is_an_error(source: Source, tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"one shard alone has.*cache_bytes"):
        open_numbered(source, tmp_path, rows=40, cache_bytes="4KB")


def test_a_state_goes_on_in_another_process_with_another_cache(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "batch_size": 16,
        "shuffle": hr.ShardShuffle(window=2),
        "seed": 1,
        "output": "numpy",
    }
    batches: list[Any] = []
    for cache in ("a", "b"):
        ds = open_numbered(Source(), tmp_path / cache, rows=40).select_columns(["y"])
        loader = hr.Loader(ds, **options)
        if cache == "a":
            batches = [batch["y"] for batch in loader]
            iterator = iter(loader)
            for _ in range(4):
                next(iterator)
            state = loader.state_dict()
            rest = [batch["y"] for batch in iterator]
        else:
            loader.load_state_dict(state)
            found = [batch["y"] for batch in loader]
    assert len(batches) == 13
    assert all(map(np.array_equal, found, rest))
    assert len(found) == len(rest) == 9
    other = hr.from_shards(SIDS[::-1], Source(), rows=40, version="1").select_columns(["y"])
    with pytest.raises(hr.InvalidError):
        hr.Loader(other, **options).load_state_dict(state)


def test_a_pickle_loads_for_itself(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        ds = hr.from_shards(range(3), load_numbers, rows=10, cache=tmp_path, executor=executor)
        copy = pickle.loads(pickle.dumps(ds.select_shards(["2", "1"])))
    assert copy["0"][:].tolist() == [*range(20, 30), *range(10, 20)]
    nameless = hr.from_shards([1], lambda sid: np.arange(3), rows=3)
    with pytest.raises(hr.UnsupportedError, match=r"load=.*top of a module"):
        pickle.dumps(nameless)


def test_a_function_that_no_process_gets_is_said_to_be_one() -> None:
    class Pickling(ThreadPoolExecutor):
        """Sends what it calls to other processes, as far as one can see."""

        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            pickle.dumps(fn)
            return super().submit(fn, *args, **kwargs)

    with (
        Pickling(1) as executor,
        pytest.raises(hr.TransformError, match=r"pickle local object.*the top of a module"),
    ):
        hr.from_shards([1], lambda sid: np.full(3, sid), executor=executor)


def test_an_executor_and_threads_call_it(tmp_path: Path) -> None:
    names = set()
    at_work, most = [0], [0]
    lock = threading.Lock()

    def load(sid: int) -> Any:
        with lock:
            at_work[0] += 1
            most[0] = max(most[0], at_work[0])
            names.add(threading.current_thread().name.partition("_")[0])
        try:
            return np.arange(1000) + sid
        finally:
            with lock:
                at_work[0] -= 1

    with ThreadPoolExecutor(3, thread_name_prefix="mine") as executor:
        options: dict[str, Any] = {"rows": 1000, "version": "1", "executor": executor}
        ds = hr.from_shards(range(20), load, cache=tmp_path / "a", **options)
        assert ds["0"][19_000] == 19
    assert names == {"mine"}
    most[0] = 0
    ds = hr.from_shards(range(20), load, cache=tmp_path / "b", version="1", threads=1)
    assert len(ds) == 20_000
    assert most == [1]


def test_one_thread_makes_all_calls(tmp_path: Path) -> None:
    database = tmp_path / "rows.db"
    with contextlib.closing(sqlite3.connect(database)) as made, made:
        made.execute("CREATE TABLE rows (sid INTEGER, x INTEGER)")
        made.executemany("INSERT INTO rows VALUES (?, ?)", [(k // 10, k) for k in range(100)])
    callers = set()

    @functools.cache
    def connection() -> sqlite3.Connection:
        return sqlite3.connect(database)  # for the thread that makes it

    def load(sid: int) -> Any:
        callers.add(threading.get_ident())
        rows = connection().execute("SELECT x FROM rows WHERE sid = ? ORDER BY x", (sid,))
        return np.array([x for (x,) in rows])

    ds = hr.from_shards(range(10), load, cache_bytes=4 * 8192, version="1", threads=1)
    assert ds["0"][70:90].tolist() == list(range(70, 90))
    with hr.Loader(ds, batch_size=10, output="numpy") as loader:
        assert sum(batch[0].sum() for batch in loader) == 4950
    assert len(callers) == 1
    assert threading.get_ident() not in callers
    del ds, loader
    deadline = time.monotonic() + 10
    while any(thread.ident in callers for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread ends with the dataset"
        gc.collect()
        time.sleep(0.02)


def test_progress_of_counting_and_ids_of_any_plain_kind(tmp_path: Path) -> None:
    seen: list[Any] = []
    sids = [("part", 1), Path("x/y"), np.int64(3), "é"]
    numbers = {str(sid): number for number, sid in enumerate(sids)}
    ds = hr.from_shards(
        sids,
        lambda sid: np.full(2, numbers[str(sid)]),
        cache=tmp_path,
        version="1",
        progress=lambda *done: seen.append(done),
    )
    assert ds.shard_ids == ["('part', 1)", "x/y", "3", "é"]
    assert ds["0"][:].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert seen[-1] == (4, 4)


BAD_CALLS: list[tuple[dict[str, Any], str]] = [
    ({"sids": "abc"}, "list of the ids"),
    ({"sids": []}, "no sids"),
    ({"sids": ["a", "b", "a"]}, "shard a is listed twice"),
    ({"sids": [1, "1"]}, "shard 1 is listed twice"),
    ({"sids": [1.5]}, "a str, an int, a path or a tuple"),
    ({"sids": [""]}, "text of Unicode"),
    ({"load": None}, "no function"),
    ({"rows": 0}, "rows must lie between 1"),
    ({"rows": [1]}, "1 numbers, and there are 2 sids"),
    ({"rows": [1, -1]}, "rows of shard b"),
    ({"threads": 0}, "threads"),
    ({"executor": 3}, "submit"),
    ({"version": ""}, "version"),
    ({"cache": "s3://bucket/x"}, "directory on a disk"),
    ({"cache_bytes": "many"}, "cache_bytes"),
]


@pytest.mark.parametrize(("given", "message"), BAD_CALLS)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    given: dict[str, Any], message: str, source: Source
) -> None:
    arguments: dict[str, Any] = {"sids": ["a", "b"], "load": source, "version": "1"} | given
    with pytest.raises(hr.InvalidError, match=message):
        hr.from_shards(arguments.pop("sids"), arguments.pop("load"), **arguments)
    assert source.calls == []


def test_it_has_no_versions(source: Source) -> None:
    ds = open_numbered(source, rows=40)
    assert ds.version is None
    with pytest.raises(hr.InvalidError, match="no newer versions"):
        ds.retain(newest=1)


def test_ids_that_are_ints_of_numpy_come_as_ints() -> None:
    seen: list[object] = []

    def load(sid: int) -> dict[str, np.ndarray[Any, Any]]:
        seen.append(sid)
        return {"y": np.full(2, sid)}

    ds = hr.from_shards(np.arange(3), load, rows=2, version="1")  # databases take no others
    assert ds["y"][:].tolist() == [0, 0, 1, 1, 2, 2]
    assert {type(sid) for sid in seen} == {int}

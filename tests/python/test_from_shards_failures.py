"""What is left of calls that fail: no threads, no memory of callers, no half a catalogue."""

from __future__ import annotations

import gc
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import causes
from headrace.loaded.catalogue import Catalogue, Columns
from headrace.loaded.loads import Load, Loaded, Loads


def test_what_was_raised_is_kept_no_longer_than_it_may_be_asked_for() -> None:
    class Big:
        """What a caller has in its variables."""

    def load(sid: str) -> dict[str, Any]:
        return {"x": np.arange({"a": 3}[sid])}

    def fails_at_once() -> weakref.ref[Big]:
        big = Big()
        with pytest.raises(hr.TransformError):
            hr.from_shards(["b"], load, rows=3)
        return weakref.ref(big)

    def fails_ahead() -> None:
        ds = hr.from_shards(["a", "b"], load, rows=3)
        with hr.Loader(ds, batch_size=1, output="numpy") as loader:
            batches = iter(loader)
            next(batches)
            deadline = time.monotonic() + 5
            while not causes._kept and time.monotonic() < deadline:
                time.sleep(0.01)
        assert causes._kept

    caller = fails_at_once()
    gc.collect()
    assert caller() is None
    ds = hr.from_shards(["a", "b"], load, rows=3)
    with pytest.raises(hr.TransformError):
        ds[4]
    assert not causes._kept
    fails_ahead()
    deadline = time.monotonic() + 5
    while causes._kept and time.monotonic() < deadline:  # threads end when they look again
        gc.collect()
        time.sleep(0.02)
    assert not causes._kept


def test_counting_that_fails_loads_no_more_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def load(sid: int) -> Any:
        calls.append(sid)
        time.sleep(0.03)
        return np.arange({0: 3, 1: 3}.get(sid, sid - 1) // (sid != 2))

    def no_room(*_: object) -> None:
        raise hr.IoError("no room")

    monkeypatch.setattr(Catalogue, "write", no_room)
    with pytest.raises(hr.TransformError, match=r"shard 2 .*ZeroDivisionError"):
        hr.from_shards(range(99), load, cache=tmp_path, version="1", threads=2)
    time.sleep(0.05)  # what had begun
    begun = len(calls)
    time.sleep(0.15)
    assert len(calls) == begun < 20


def test_who_tries_again_after_a_failure_meets_no_call_of_before() -> None:
    at_work: list[int] = []

    def load(sid: int) -> Any:
        at_work.append(sid)
        time.sleep(0.2 if sid == 3 else 0)
        at_work.remove(sid)
        return None if sid == 2 else np.arange(3)

    with pytest.raises(hr.TransformError, match=r"shard 2 .*None"):
        hr.from_shards(range(9), load, version="1", threads=1)
    assert at_work == []


def test_catalogues_are_written_at_the_same_time(tmp_path: Path) -> None:
    name = "11111111-1111-1111-1111-111111111111"

    def write(number: int) -> None:
        for _ in range(20):
            Catalogue(shards={f"{number}-{shard}": (1, 1) for shard in range(50)}).write(
                str(tmp_path), name
            )

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(write, range(4)))
    assert len(Catalogue.read(str(tmp_path), name).shards) >= 50, "the file is whole"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_catalogue_keeps_what_others_have_written_meanwhile(tmp_path: Path) -> None:
    name = "11111111-1111-1111-1111-111111111111"
    columns = Columns((("x", "float32", (2,), "tensor", "int64", 0, False),), False, 10)
    first = Catalogue(columns, {"a": (1, 10), "b": (2, 20)}, row_bytes=4, shard_bytes=9000)
    second = Catalogue(columns, {"b": (2, 21), "c": (3, 30)}, row_bytes=8, shard_bytes=100)
    for catalogue in (first, second):
        catalogue.write(str(tmp_path), name)
    found = Catalogue.read(str(tmp_path), name)
    assert found.shards == {"a": (1, 10), "b": (2, 21), "c": (3, 30)}
    assert (found.row_bytes, found.shard_bytes) == (8, 9000)
    other = Catalogue(None, {"d": (4, 40)})
    other.write(str(tmp_path), name)
    assert Catalogue.read(str(tmp_path), name) == other, "of other columns nothing holds"


def test_threads_keep_what_waits_for_room_at_the_same_time() -> None:
    columns = Columns((), False, 1)
    loaded = Loaded(columns, [], 0, 0)
    loads = Loads(Load(len, "len", None), [], [], [], columns, kept={}, most_kept=4)

    def keep(first: int) -> None:
        for number in range(first, first + 20_000):
            loads._keep(number, loaded)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as executor:
            list(executor.map(keep, range(0, 80_000, 20_000)))
    finally:
        sys.setswitchinterval(interval)
    assert len(loads._kept) <= 4

"""`Loader(follow=...)` and `retain` of a dataset in a store, beside its writers."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from growing import commit, flat, growing, take

import headrace as hr
import headrace.follow
from headrace.stores import open_store
from headrace.stores.store_directory import StoreDirectory

pytest.importorskip("obstore")

RunScript = Callable[..., subprocess.CompletedProcess[str]]

SOON = hr.Follow(stage_rows=20, poll_s=0.02)


@pytest.fixture
def url() -> str:
    return f"memory://follow/{uuid.uuid4().hex}"


@pytest.fixture
def follow(url: str, tmp_path: Path) -> Callable[..., hr.Loader]:
    commit(url, 0, 30)

    def loader(**arguments: Any) -> hr.Loader:
        ds = hr.open(url, cache=tmp_path / "cache", cache_bytes="50MB")
        settings: dict[str, Any] = {"batch_size": 5, "follow": SOON, "output": "numpy"}
        return hr.Loader(ds, **(settings | arguments))

    return loader


@pytest.mark.parametrize("shuffle", [False, True])
def test_rows_are_the_same_whenever_they_were_committed(
    url: str, follow: Callable[..., hr.Loader], shuffle: bool
) -> None:
    with growing(url, 30, 100):
        seen = take(follow(shuffle=shuffle), 20)
    assert sorted(flat(seen)) == list(range(100))
    assert take(follow(shuffle=shuffle), 20) == seen
    if not shuffle:
        assert seen == [list(range(k, k + 5)) for k in range(0, 100, 5)]


def test_a_full_cache_gives_the_room_of_stages_that_are_over(url: str, tmp_path: Path) -> None:
    for first in range(0, 200, 10):
        commit(url, first, 10)
    ds = hr.open(url, cache=tmp_path, cache_bytes=5 * 4096)  # for five of twenty shards
    with hr.Loader(ds, batch_size=5, shuffle=True, follow=SOON, output="numpy") as loader:
        seen = take(loader, 40)
        waited = loader.stats()["shard_wait_s"]
    assert sorted(flat(seen)) == list(range(200))
    assert waited < 2, "whoever waits for room that is not given waits half a second a shard"


def test_stats_count_shards_of_all_versions(url: str, tmp_path: Path) -> None:
    commit(url, 0, 20)
    ds = hr.open(url, cache=tmp_path, cache_bytes="1MB")
    with hr.Loader(ds, batch_size=20, follow=SOON, output="numpy") as loader:
        batches = iter(loader)
        next(batches)
        for version in range(1, 5):
            commit(url, 20 * version, 20)
            next(batches)
            assert loader.stats()["shard_fetches"] == version + 1


def test_a_resume_goes_on_exactly(url: str, follow: Callable[..., hr.Loader]) -> None:
    commit(url, 30, 30)
    loader = follow()
    take(iter(loader), 5)
    other = follow()
    other.load_state_dict(loader.state_dict())
    assert take(other, 1) == [list(range(25, 30))]


def test_the_wait_for_rows_is_ended_by_close(follow: Callable[..., hr.Loader]) -> None:
    loader = follow()
    batches = iter(loader)
    take(batches, 4)
    threading.Timer(0.2, loader.close).start()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(batches)


def test_a_dataset_that_was_made_anew_is_noticed_at_the_same_version(
    url: str, follow: Callable[..., hr.Loader]
) -> None:
    loader = follow()
    batches = iter(loader)
    take(batches, 4)
    time.sleep(0.2)  # a look that is under way ends
    store = open_store(url)
    for found in list(store.list()):
        store.delete(found.key)
    commit(url, 0, 60)
    threading.Timer(20.0, loader.close).start()
    with pytest.raises(hr.InvalidError, match="is another dataset than the one that was opened"):
        next(batches)


def test_shards_are_dropped(url: str, tmp_path: Path, follow: Callable[..., hr.Loader]) -> None:
    commit(url, 30, 30)
    commit(url, 60, 30)
    ds = hr.open(url, cache=tmp_path / "cache", cache_bytes="50MB")
    kept = ds.select_columns(["y"]).retain(newest=1)
    assert kept["y"][:].tolist() == list(range(60, 90))
    assert kept.version == 4
    assert len(ds) == 90
    loader = follow()
    assert loader.epoch == 3
    assert take(loader, 1) == [list(range(60, 65))]


def test_a_fork_during_a_look_is_told_so(run_script: RunScript) -> None:
    done = run_script(
        """
        import os, signal, threading
        import numpy as np
        import headrace as hr
        from headrace.stores.store_directory import StoreDirectory
        with hr.Writer("memory://data") as writer:
            writer.write(y=np.arange(30))
        follow = hr.Follow(stage_rows=20, poll_s=0.02)
        loader = hr.Loader(hr.open("memory://data"), batch_size=5, follow=follow, output="numpy")
        looks, go_on, parent = threading.Event(), threading.Event(), os.getpid()
        def newest(self, really=StoreDirectory.newest):
            if os.getpid() == parent:
                looks.set()
                go_on.wait()
            return really(self)
        StoreDirectory.newest = newest
        loader.set_epoch(1)
        assert loader.peek() is None
        looks.wait()
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)  # a hang ends the child, and fails the test
            try:
                next(iter(loader))
            except hr.UnsupportedError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
        go_on.set()
        with hr.Writer("memory://data") as writer:
            writer.write(y=np.arange(30, 60))
        assert next(iter(loader))["y"].tolist() == [20, 21, 22, 23, 24]
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_store_that_does_not_answer_is_told_of(
    follow: Callable[..., hr.Loader],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(headrace.follow, "_TELL_S", 1.2)
    loader = follow()
    batches = iter(loader)
    take(batches, 4)
    answer = threading.Event()
    monkeypatch.setattr(StoreDirectory, "newest", lambda _: answer.wait())
    threading.Timer(2.0, loader.close).start()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(batches)
    answer.set()
    assert "the store has not answered a look for 1 s" in capfd.readouterr().err

"""`Loader(follow=...)`: rows that are committed while they are read, the same for every rank."""

from __future__ import annotations

import itertools
import math
import pickle
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from growing import commit, flat, growing, take

import headrace as hr

SOON = hr.Follow(stage_rows=20, poll_s=0.01)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus"
    commit(path, 0, 30)
    return path


def follow(corpus: Path, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"batch_size": 5, "follow": SOON, "output": "numpy"}
    return hr.Loader(hr.open(corpus), **(settings | arguments))


def take_rows(batches: Any, count: int) -> list[int]:
    """Takes batches until they have so many rows."""
    rows: list[int] = []
    for batch in batches:
        rows += batch["y"].tolist()
        if len(rows) >= count:
            break
    return rows


@pytest.fixture
def grown(corpus: Path) -> Iterator[Path]:
    """The corpus, which gets 175 more rows while the test runs."""
    with growing(corpus, 30, 200):
        yield corpus


@pytest.mark.parametrize("arguments", [{}, {"prefetch": 1}, {"num_threads": 2, "prefetch": 3}])
def test_rows_come_in_the_order_of_their_commits(grown: Path, arguments: dict[str, Any]) -> None:
    batches = iter(follow(grown, **arguments))
    assert take(batches, 40) == [list(range(k, k + 5)) for k in range(0, 200, 5)]


@pytest.mark.parametrize(
    "shuffle",
    [True, hr.BlockShuffle(block_rows=4, window=2), hr.ShardShuffle(window=2, lanes=1)],
)
def test_a_shuffle_mixes_stages_and_does_not_depend_on_when_they_were_there(
    grown: Path, shuffle: Any
) -> None:
    while_it_grows = take(follow(grown, shuffle=shuffle), 36)
    assert take(follow(grown, shuffle=shuffle), 36) == while_it_grows
    for stage in range(9):
        rows = flat(while_it_grows[4 * stage : 4 * stage + 4])
        assert sorted(rows) == list(range(20 * stage, 20 * stage + 20))
    assert while_it_grows[:4] != while_it_grows[4:8]


def test_a_shard_shuffle_resumes_in_a_stage_of_other_shards(corpus: Path) -> None:
    for first in range(30, 100, 7):
        commit(corpus, first, 7)
    arguments: dict[str, Any] = {"shuffle": hr.ShardShuffle(window=2, lanes=1), "prefetch": 8}
    whole = flat(take(follow(corpus, **arguments), 20))
    for taken in (3, 4, 10, 19):  # at 3 the next stage, of other shards, is prepared
        loader = follow(corpus, **arguments)
        take(iter(loader), taken)
        other = follow(corpus, **arguments)
        other.load_state_dict(loader.state_dict())
        assert take_rows(other, 100 - 5 * taken) == whole[5 * taken :]


def test_ranks_agree_without_talking(grown: Path) -> None:
    loaders = [follow(grown, shuffle=True, rank=rank, world_size=2) for rank in range(2)]
    taken = [take(loader, 12) for loader in loaders]
    whole = take(follow(grown, shuffle=True), 24)
    for stage in range(6):
        rows = flat(taken[0][2 * stage : 2 * stage + 2] + taken[1][2 * stage : 2 * stage + 2])
        assert sorted(rows) == sorted(flat(whole[4 * stage : 4 * stage + 4]))


def test_a_resume_goes_on_exactly_also_with_other_batches_and_more_rows(corpus: Path) -> None:
    commit(corpus, 30, 70)
    whole = flat(take(follow(corpus, shuffle=True), 20))
    for taken in range(20):
        loader = follow(corpus, shuffle=True)
        take(iter(loader), taken)
        state = loader.state_dict()
        assert state["epoch"] * 20 + state["position"] == 5 * taken
        if taken == 10:
            commit(corpus, 100, 40)
        other = follow(corpus, shuffle=True, batch_size=4, num_threads=1)
        other.load_state_dict(state)
        assert take_rows(other, 100 - 5 * taken) == whole[5 * taken :]
        again = pickle.loads(pickle.dumps(loader))
        assert take_rows(again, 100 - 5 * taken) == whole[5 * taken :]


def test_what_is_not_there_is_waited_for_and_close_ends_the_wait(corpus: Path) -> None:
    loader = follow(corpus)
    batches = iter(loader)
    assert loader.peek()["y"].tolist() == [0, 1, 2, 3, 4]
    take(batches, 4)
    assert loader.peek() is None
    closing = threading.Timer(0.2, loader.close)
    closing.start()
    start = time.monotonic()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(batches)
    assert 0.1 < time.monotonic() - start < 5
    commit(corpus, 30, 10)
    assert take(loader, 1) == [[20, 21, 22, 23, 24]], "nothing was used up by the wait"


def test_who_waits_for_long_is_told_for_what(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("headrace.follow._TELL_S", 0.1)
    loader = follow(corpus, follow=hr.Follow(stage_rows=20, poll_s=0.25))
    batches = iter(loader)
    take(batches, 4)
    assert capsys.readouterr().err == ""
    commit(corpus, 30, 3)
    closing = threading.Timer(0.9, loader.close)
    closing.start()
    start = time.monotonic()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(batches)
    most = math.log2((time.monotonic() - start) / 0.1) + 1
    told = capsys.readouterr().err.splitlines()
    assert 2 <= len(told) <= most, "after 0.1 s, 0.2 s, 0.4 s and so on"
    place = f"s for rows [20, 40) of {corpus}, stage 1: "
    assert all(line.startswith("headrace: has waited ") and place in line for line in told)
    assert told[-1].endswith("version 2 ends with row 32, and 7 rows are still to be committed")


def test_ctrl_c_ends_the_wait(
    corpus: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = run_script(
        f"""
        import os, signal, threading, time
        import headrace as hr
        loader = hr.Loader(hr.open({str(corpus)!r}), batch_size=20,
                           follow=hr.Follow(stage_rows=20), output="numpy")
        batches = iter(loader)
        next(batches)
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        try:
            next(batches)
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - start < 0.6)
        """
    )
    assert done.stdout == "interrupted True\n", done.stderr


def test_the_next_stage_is_made_ahead_as_soon_as_it_is_there(corpus: Path) -> None:
    loader = follow(corpus, prefetch=2)
    batches = iter(loader)
    take(batches, 3)
    time.sleep(0.02)
    commit(corpus, 30, 30)
    take(batches, 1)
    assert batches._ahead is not None  # type: ignore[attr-defined]
    assert take(batches, 1) == [[20, 21, 22, 23, 24]]
    assert loader.stats()["passes"] == 2


def test_views_of_columns_are_followed(corpus: Path) -> None:
    commit(corpus, 30, 30)
    ds = hr.open(corpus, version=1).select_columns(["y"]).cast("float64")
    loader = hr.Loader(ds, batch_size=20, follow=SOON, output="numpy")
    last = [batch["y"] for batch in itertools.islice(loader, 3)][-1]
    assert last.dtype == np.float64
    assert last.tolist() == list(range(40, 60))


def test_dropped_rows_keep_the_numbers_of_the_others(corpus: Path) -> None:
    commit(corpus, 30, 30)
    commit(corpus, 60, 30)
    hr.open(corpus).retain(newest=2)  # from row 30
    loader = follow(corpus, shuffle=True)
    assert loader.epoch == 2, "the first stage that is whole: rows 40 to 59"
    shuffled = take(loader, 4)
    assert sorted(flat(shuffled)) == list(range(40, 60))
    other = follow(corpus, shuffle=True)
    other.set_epoch(2)
    assert take(other, 4) == shuffled
    other.set_epoch(1)
    with pytest.raises(hr.NotFoundError, match=r"stage 1 were dropped.*set_epoch\(2\)"):
        next(iter(other))


def test_who_lags_behind_retention_reads_on_in_what_is_open(corpus: Path) -> None:
    commit(corpus, 30, 30)
    loader = follow(corpus, prefetch=1)
    batches = iter(loader)
    take(batches, 1)
    commit(corpus, 60, 30)
    hr.open(corpus).retain(newest=1)
    assert take(batches, 11) == [list(range(k, k + 5)) for k in range(5, 60, 5)]
    assert take(batches, 4) == [list(range(k, k + 5)) for k in range(60, 80, 5)]


def test_a_state_of_other_stages_is_refused(corpus: Path, tmp_path: Path) -> None:
    state = follow(corpus).state_dict()
    assert state["dataset"].keys() == {"stage_rows", "schema", "id"}
    with pytest.raises(hr.InvalidError, match=r"20 in the state, 10 here.*stage_rows"):
        follow(corpus, follow=hr.Follow(stage_rows=10)).load_state_dict(state)
    commit(tmp_path / "other", 0, 30)
    with pytest.raises(hr.InvalidError, match="content id"):
        follow(tmp_path / "other").load_state_dict(state)
    single = follow(corpus, follow=False)
    with pytest.raises(hr.InvalidError, match="saved with follow=, this loader is without"):
        single.load_state_dict(state)
    with pytest.raises(hr.InvalidError, match="saved without follow=, this loader is with"):
        follow(corpus).load_state_dict(single.state_dict())


def test_what_cannot_be_followed_is_named(corpus: Path) -> None:
    ds = hr.open(corpus)
    for other in (hr.from_arrays(np.arange(3)), ds.subset([1, 2]), ds.split(0.5)[0]):
        with pytest.raises(hr.InvalidError, match=r"follow= takes a dataset of shards"):
            hr.Loader(other, follow=True)
    with pytest.raises(hr.InvalidError, match="epochs=3 and follow="):
        hr.Loader(ds, follow=True, epochs=3)
    with pytest.raises(hr.InvalidError, match="batch_sampler="):
        hr.Loader(ds, follow=True, batch_sampler=[[0]])
    with pytest.raises(hr.InvalidError, match=r"hr\.Follow"):
        hr.Loader(ds, follow=1)  # type: ignore[arg-type]
    for bad in ({"stage_rows": 0}, {"poll_s": 0}, {"poll_s": "1"}, {"poll_s": float("nan")}):
        with pytest.raises(hr.InvalidError, match=next(iter(bad))):
            hr.Follow(**bad)
    loader = hr.Loader(ds, follow=True, output="numpy")
    with pytest.raises(TypeError, match="never ends"):
        len(loader)
    assert "endless" in repr(loader)


def test_a_dataset_that_is_gone_is_named(corpus: Path, tmp_path: Path) -> None:
    loader = follow(corpus)
    batches = iter(loader)
    take(batches, 4)
    corpus.rename(tmp_path / "elsewhere")
    with pytest.raises(hr.NotFoundError, match="is gone"):
        next(batches)


def test_a_dataset_that_was_made_anew_is_not_taken_for_the_old_one(
    corpus: Path, tmp_path: Path
) -> None:
    loader = follow(corpus)
    batches = iter(loader)
    take(batches, 4)
    corpus.rename(tmp_path / "elsewhere")
    for first in range(0, 60, 20):
        commit(corpus, first, 20)
    with pytest.raises(hr.InvalidError, match="another dataset"):
        next(batches)


def test_a_version_is_opened_only_where_it_has_the_stage(corpus: Path) -> None:
    loader = follow(corpus, prefetch=1)
    batches = iter(loader)
    take(batches, 4)
    stages = loader._stages
    assert stages is not None
    commit(corpus, 30, 9)
    time.sleep(0.02)
    assert stages.get(1) is None
    assert stages._version == 1
    commit(corpus, 39, 1)
    assert take(batches, 1) == [[20, 21, 22, 23, 24]]
    assert stages._version == 3

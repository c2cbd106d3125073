from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Tiers = Callable[[int], dict[str, hr.Dataset]]

SHUFFLES = [False, True, hr.BlockShuffle(block_rows=4, window=3)]
TAILS: list[dict[str, Any]] = [{}, {"drop_last": True}, {"exact": True}]


def loader_of(ds: hr.Dataset, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"batch_size": 3, "seed": 11, "output": "numpy"}
    return hr.Loader(ds, **(settings | arguments))


def rows(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


def flat(batches: list[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(batches))


def after(loader: hr.Loader, steps: int) -> dict[str, Any]:
    """Returns the state after so many batches, through JSON as a checkpoint would keep it."""
    for _batch in itertools.islice(loader, steps):
        pass
    state: dict[str, Any] = json.loads(json.dumps(loader.state_dict()))
    loader.close()
    return state


@pytest.mark.parametrize("shuffle", SHUFFLES, ids=str)
@pytest.mark.parametrize("tail", TAILS, ids=str)
def test_a_resume_at_every_step_goes_on_exactly(
    shuffle: Any, tail: dict[str, Any], tiers: Tiers
) -> None:
    found = tiers(23)
    arguments = {"shuffle": shuffle, **tail}
    whole = loader_of(found["memory"], **arguments)
    epochs = [rows(whole) for _ in range(3)]
    for steps in range(len(epochs[0]) + 1):
        state = after(loader_of(found["memory"], **arguments), steps)
        for ds in found.values():
            resumed = loader_of(ds, num_threads=1 + steps % 3, **arguments)
            resumed.load_state_dict(state)
            rest = epochs[0][steps:] + epochs[1]
            got = rows(resumed)
            if steps < len(epochs[0]):
                got += rows(resumed)
            assert got == rest
            assert rows(resumed) == epochs[2]


@pytest.mark.parametrize("old", [1, 2, 3])
@pytest.mark.parametrize("new", [1, 2, 4])
def test_a_resume_on_another_world_size_reads_each_remaining_row_once(
    old: int, new: int, numbered: Numbered
) -> None:
    ds = numbered(31)
    for steps in range(5):
        states, seen = [], Counter[int]()
        for rank in range(old):
            loader = loader_of(ds, shuffle=True, rank=rank, world_size=old, exact=True)
            for batch in itertools.islice(loader, steps):
                seen.update(batch["y"].tolist())
            states.append(loader.state_dict())
        assert all(state == states[0] for state in states)  # any rank's state will do
        if states[0]["epoch"] == 1:
            continue
        for rank in range(new):
            resumed = loader_of(
                ds, shuffle=True, batch_size=2, rank=rank, world_size=new, exact=True
            )
            resumed.load_state_dict(states[0])
            seen.update(flat(rows(resumed)))
        assert seen == Counter(range(31))


def test_batch_size_and_threads_may_change(numbered: Numbered) -> None:
    ds = numbered(40)
    order = flat(rows(loader_of(ds, shuffle=True)))
    state = after(loader_of(ds, shuffle=True, batch_size=7, num_threads=2), 3)
    resumed = loader_of(ds, shuffle=True, batch_size=5, num_threads=1, prefetch=1)
    resumed.load_state_dict(state)
    assert flat(rows(resumed)) == order[21:]


def test_chains_of_resumes(numbered: Numbered) -> None:
    ds = numbered(50)
    order = flat(rows(loader_of(ds, shuffle=True)))
    got: list[int] = []
    state = loader_of(ds, shuffle=True).state_dict()
    for steps in (2, 1, 5, 1, 3):
        loader = loader_of(ds, shuffle=True)
        loader.load_state_dict(state)
        got += flat(rows(itertools.islice(loader, steps)))
        state = loader.state_dict()
    assert got == order[: 3 * 12]


def test_a_state_may_be_loaded_any_number_of_times(numbered: Numbered) -> None:
    ds = numbered(20)
    state = after(loader_of(ds, shuffle=True), 3)
    kept = json.loads(json.dumps(state))
    loader = loader_of(ds, shuffle=True)
    got = []
    for _ in range(3):
        loader.load_state_dict(state)
        assert loader.state_dict() == kept
        got.append(rows(loader))
    assert got[0] == got[1] == got[2]
    assert state == kept


def test_loading_in_the_middle_of_a_loop_ends_it(numbered: Numbered) -> None:
    loader = loader_of(numbered(20), shuffle=True)
    expected = rows(loader)
    loader.set_epoch(0)
    batches = iter(loader)
    next(batches)
    state = loader.state_dict()
    next(batches)
    loader.load_state_dict(state)
    with pytest.raises(hr.CancelledError):
        next(batches)
    assert rows(loader) == expected[1:]


def test_loading_forgets_the_interrupted_pass_and_set_epoch_the_loaded_one(
    numbered: Numbered,
) -> None:
    loader = loader_of(numbered(20), shuffle=True)
    state = after(loader_of(numbered(20), shuffle=True), 2)
    next(iter(loader))
    loader.load_state_dict(state)
    assert loader.state_dict() == state
    assert (loader.epoch, rows([loader.peek()])) == (0, rows(loader)[:1])
    loader.load_state_dict(state)
    loader.set_epoch(0)
    assert loader.state_dict()["position"] == 0
    assert len(rows(loader)) == len(loader)


def test_a_drawn_seed_comes_with_the_state(numbered: Numbered) -> None:
    ds = numbered(20)
    first = loader_of(ds, shuffle=True, seed=None)
    batches = iter(first)
    next(batches)
    other = loader_of(ds, shuffle=True, seed=None)
    other.load_state_dict(first.state_dict())
    assert rows(other) == rows(batches)
    assert rows(other) == rows(first)

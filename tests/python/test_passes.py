from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
MakeLoader = Callable[..., hr.Loader]


@pytest.fixture
def make(numbered: Numbered) -> MakeLoader:
    def loader(rows: int = 10, **arguments: Any) -> hr.Loader:
        settings: dict[str, Any] = {"batch_size": 2, "shuffle": True, "output": "numpy"}
        return hr.Loader(numbered(rows), **(settings | arguments))

    return loader


def rows(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


def epoch(make: MakeLoader, number: int, **arguments: Any) -> list[list[int]]:
    loader = make(**arguments)
    loader.set_epoch(number)
    return rows(loader)


def point(loader: hr.Loader) -> tuple[int, int]:
    state = loader.state_dict()
    return state["epoch"], state["position"]


def test_each_pass_is_the_next_epoch(make: MakeLoader) -> None:
    loader = make()
    for number in range(3):
        assert loader.epoch == number
        assert rows(loader) == epoch(make, number)
    assert loader.epoch == 3


def test_a_break_never_repeats_rows(make: MakeLoader) -> None:
    loader = make()
    for _batch in loader:
        break
    assert loader.epoch == 1
    assert rows(loader) == epoch(make, 1)


def test_set_epoch_sets_the_next_pass(make: MakeLoader) -> None:
    loader = make()
    next(iter(loader))
    loader.set_epoch(0)
    assert point(loader) == (0, 0)
    assert rows(loader) == epoch(make, 0)
    loader.set_epoch(7)
    assert (loader.epoch, point(loader)) == (7, (7, 0))
    assert rows(loader) == epoch(make, 7)
    for bad in (-1, 1.5, True, None, 2**63):
        with pytest.raises(hr.InvalidError, match="epoch must"):
            loader.set_epoch(bad)  # type: ignore[arg-type]


def test_set_epoch_leaves_a_live_iterator_alone(make: MakeLoader) -> None:
    loader = make()
    batches = iter(loader)
    first = next(batches)
    loader.set_epoch(4)
    assert rows([first, *batches]) == epoch(make, 0)
    assert point(loader) == (4, 0)
    assert rows(loader) == epoch(make, 4)


def test_the_state_follows_what_was_handed_out(make: MakeLoader) -> None:
    loader = make()
    assert point(loader) == (0, 0)
    batches = iter(loader)
    assert point(loader) == (0, 0)
    for position in (2, 4, 6, 8):
        next(batches)
        assert point(loader) == (0, position)
    next(batches)
    assert point(loader) == (1, 0)  # all is handed out, though the loop has not ended yet
    assert next(batches, None) is None
    assert point(loader) == (1, 0)


def test_the_state_after_a_break_is_the_interrupted_point(make: MakeLoader) -> None:
    loader = make()
    for _batch in loader:
        break
    gc.collect()
    assert point(loader) == (0, 2)
    batches = iter(loader)
    assert point(loader) == (1, 0)
    del batches
    assert point(loader) == (1, 0)


def test_an_iterator_that_was_never_asked_uses_up_no_epoch(make: MakeLoader) -> None:
    loader = make()
    unused = iter(loader)
    assert loader.epoch == 0
    assert rows(loader) == epoch(make, 0)
    with pytest.raises(hr.CancelledError):
        next(unused)
    state = loader.state_dict() | {"position": 4}
    loader.load_state_dict(state)
    iter(loader)
    assert rows(loader) == epoch(make, 1)[2:]
    assert loader.epoch == 2
    iter(loader)
    loader.set_epoch(7)
    assert rows(loader) == epoch(make, 7)


def test_the_state_of_a_short_last_batch_and_of_drop_last(make: MakeLoader) -> None:
    loader = make(batch_size=4)
    points = [point(loader) for _batch in loader]
    assert points == [(0, 4), (0, 8), (1, 0)]
    loader = make(batch_size=4, drop_last=True)
    assert [point(loader) for _batch in loader] == [(0, 4), (1, 0)]


def test_a_second_iterator_supersedes_the_first(make: MakeLoader) -> None:
    loader = make()
    first = iter(loader)
    next(first)
    second = iter(loader)
    with pytest.raises(hr.CancelledError, match="superseded"):
        next(first)
    assert rows(second) == epoch(make, 1)
    with pytest.raises(hr.CancelledError, match="superseded"):
        next(first)


def test_collecting_a_superseded_iterator_leaves_the_new_one_alone(make: MakeLoader) -> None:
    loader = make()
    first = iter(loader)
    next(first)
    second = iter(loader)
    got = [next(second)]
    del first
    gc.collect()
    assert rows([*got, *second]) == epoch(make, 1)


def test_an_iterator_keeps_its_loader(numbered: Numbered) -> None:
    got = rows(hr.Loader(numbered(4), batch_size=2, output="numpy"))
    assert got == [[0, 1], [2, 3]]


def test_an_iterator_that_ended_stays_ended(make: MakeLoader) -> None:
    batches = iter(make())
    assert len(list(batches)) == 5
    assert list(batches) == []


def test_an_iterator_goes_on_after_a_break(make: MakeLoader) -> None:
    batches = iter(make())
    got = []
    for batch in batches:
        got.append(batch)
        break
    assert rows([*got, *batches]) == epoch(make, 0)


def test_peek_uses_up_nothing(make: MakeLoader) -> None:
    loader = make()
    expected = epoch(make, 0)
    assert rows([loader.peek(), loader.peek()]) == [expected[0]] * 2
    assert (loader.epoch, point(loader), loader.stats()["rows"]) == (0, (0, 0), 0)
    batches = iter(loader)
    for batch in expected:
        assert rows([loader.peek()]) == [batch]
        assert rows([next(batches)]) == [batch]
    assert rows([loader.peek()]) == [epoch(make, 1)[0]]
    assert list(batches) == []


def test_peek_after_a_break_is_what_the_next_loop_gives(make: MakeLoader) -> None:
    loader = make()
    for _batch in loader:
        break
    ahead = rows([loader.peek()])
    assert ahead == epoch(make, 1)[:1] == rows([next(iter(loader))])


def test_len_counts_a_full_pass(make: MakeLoader) -> None:
    loader = make(11)
    assert len(loader) == 6
    next(iter(loader))
    assert len(loader) == 6
    other = make(11)
    other.load_state_dict(loader.state_dict())
    assert len(other) == 6
    assert len(list(other)) == 5


def test_close_ends_the_iterator_and_may_be_repeated(make: MakeLoader) -> None:
    loader = make()
    batches = iter(loader)
    next(batches)
    loader.close()
    loader.close()
    with pytest.raises(hr.CancelledError):
        next(batches)
    assert point(loader) == (0, 2)
    assert rows(loader) == epoch(make, 1)  # a loader that is needed again starts again


def test_a_with_block_closes_on_error(make: MakeLoader) -> None:
    with pytest.raises(KeyError), make() as loader:  # noqa: PT012
        batches = iter(loader)
        next(batches)
        raise KeyError
    with pytest.raises(hr.CancelledError):
        next(batches)


def test_seed_none_draws_one_and_keeps_it(make: MakeLoader) -> None:
    first, second = make(1000, seed=None), make(1000, seed=None)
    seed = first.state_dict()["seed"]
    assert 0 <= seed < 2**64
    assert seed != second.state_dict()["seed"]
    assert rows(first) == epoch(make, 0, rows=1000, seed=seed)
    assert first.state_dict()["seed"] == seed
    with pytest.raises(hr.InvalidError, match="pass the same seed= to all"):
        make(seed=None, rank=0, world_size=2)


def test_one_dataset_feeds_many_loaders_at_once(numbered: Numbered) -> None:
    ds = numbered(100)
    loaders = [hr.Loader(ds, batch_size=10, shuffle=True, output="numpy") for _ in range(8)]
    for batches in zip(*loaders, strict=True):
        for batch in batches[1:]:
            np.testing.assert_array_equal(batch["y"], batches[0]["y"])

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
BLOCKS = hr.BlockShuffle(block_rows=4, window=3)

# torchdata 0.11 calls a function that torch 2.13 has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")


def sampler_of(rows: int = 20, batch_size: int = 3, **arguments: Any) -> hr.BatchSampler:
    settings: dict[str, Any] = {"shuffle": True, "seed": 5}
    return hr.BatchSampler(rows, batch_size, **(settings | arguments))


def epoch(number: int, **arguments: Any) -> list[list[int]]:
    sampler = sampler_of(**arguments)
    sampler.set_epoch(number)
    return list(sampler)


def point(state: dict[str, Any]) -> tuple[int, int]:
    return state["epoch"], state["position"]


@pytest.mark.parametrize("shuffle", [False, True, BLOCKS], ids=str)
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("world_size", [1, 3])
def test_it_gives_the_rows_of_a_loader(
    shuffle: Any, drop_last: bool, world_size: int, numbered: Numbered
) -> None:
    for rank in range(world_size):
        arguments: dict[str, Any] = {
            "shuffle": shuffle,
            "seed": 9,
            "drop_last": drop_last,
            "rank": rank,
            "world_size": world_size,
        }
        sampler = hr.BatchSampler(31, 4, **arguments)
        loader = hr.Loader(numbered(31), batch_size=4, output="numpy", **arguments)
        for _epoch in range(3):
            batches = list(sampler)
            assert batches == [batch["y"].tolist() for batch in loader]
            assert len(sampler) == len(batches)
            assert all(type(row) is int for row in itertools.chain.from_iterable(batches))


def test_each_iteration_is_the_next_epoch() -> None:
    sampler = sampler_of()
    for number in range(3):
        assert sampler.epoch == number
        assert list(sampler) == epoch(number)
    for _batch in sampler:
        break
    assert sampler.epoch == 4
    sampler.set_epoch(1)
    assert list(sampler) == epoch(1)


def test_an_iterator_that_is_never_asked_uses_up_no_epoch() -> None:
    sampler = sampler_of()
    iter(sampler)
    iter(sampler)
    assert list(sampler) == epoch(0)


def test_the_state_goes_on_exactly() -> None:
    whole = epoch(0)
    for done in range(len(whole) + 1):
        sampler = sampler_of()
        batches = iter(sampler)
        for _ in range(done):
            next(batches)
        state = json.loads(json.dumps(sampler.state_dict()))
        other = sampler_of()
        other.load_state_dict(state)
        if done < len(whole):
            assert list(other) == whole[done:]
        assert list(other) == epoch(1)


def test_the_state_may_go_on_with_other_batches_and_ranks() -> None:
    sampler = sampler_of(rows=60)
    got = list(itertools.islice(sampler, 4))
    rest = []
    for rank in range(2):
        other = sampler_of(rows=60, batch_size=5, rank=rank, world_size=2)
        other.load_state_dict(sampler.state_dict())
        rest += list(other)
    rows = list(itertools.chain.from_iterable(got + rest))
    assert sorted(rows) == list(range(60))


def test_a_state_counts_what_training_has_had() -> None:
    sampler = sampler_of()
    assert point(sampler.state_dict(batches=0)) == (0, 0)
    batches = iter(sampler)
    ahead = [next(batches) for _ in range(5)]
    assert point(sampler.state_dict()) == (0, 15)
    assert point(sampler.state_dict(batches=2)) == (0, 6)
    other = sampler_of()
    other.load_state_dict(sampler.state_dict(batches=2))
    rest = list(other)
    assert rest == ahead[2:] + list(batches)
    # After a resume it counts from there.
    assert point(other.state_dict(batches=1)) == (0, 9)
    assert point(other.state_dict(batches=len(rest))) == (1, 0)
    for bad in (-1, len(rest) + 1, 1.5, True):
        with pytest.raises(hr.InvalidError, match="batches must"):
            other.state_dict(batches=bad)  # type: ignore[arg-type]
    other.set_epoch(7)
    assert point(other.state_dict(batches=0)) == (7, 0)
    with pytest.raises(hr.InvalidError, match="batches must"):
        other.state_dict(batches=1)


def test_states_of_another_order_are_refused() -> None:
    state = sampler_of().state_dict()
    for other, message in (
        (sampler_of(rows=21), "rows 20 in the state, 21 here"),
        (sampler_of(seed=6), "this batch sampler has seed=6"),
        (sampler_of(shuffle=False), "this batch sampler has shuffle=False"),
        (sampler_of(drop_last=True), "this batch sampler has drop_last=True"),
    ):
        with pytest.raises(hr.InvalidError, match=message):
            other.load_state_dict(state)
    with pytest.raises(hr.InvalidError, match="'dataset' is missing"):
        sampler_of().load_state_dict({k: v for k, v in state.items() if k != "dataset"})
    for position in (-1, 20, 2**70, True, "3"):
        with pytest.raises(hr.InvalidError, match="position"):
            sampler_of().load_state_dict(state | {"position": position})


def test_seed_none_draws_one_and_keeps_it() -> None:
    first, second = sampler_of(seed=None), sampler_of(seed=None)
    assert first.state_dict()["seed"] != second.state_dict()["seed"]
    second.load_state_dict(first.state_dict())
    assert list(second) == list(first)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 0}, "n must lie between 1"),
        ({"rows": -3}, "n must lie between 1"),
        ({"rows": 2.0}, "n must be an int"),
        ({"rows": []}, "n must lie between 1"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": 21, "drop_last": True}, "leaves no batch"),
        ({"shuffle": "yes"}, "a shuffle is"),
        ({"seed": -1}, "seed"),
        ({"rank": 1}, "without world_size="),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_right(arguments: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        sampler_of(**arguments)


def test_a_dataset_tells_its_own_length(numbered: Numbered) -> None:
    assert len(hr.BatchSampler(numbered(10), 4)) == 3


def test_a_process_of_many_says_which_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(hr.InvalidError, match="4 processes would each read all rows"):
        sampler_of()


def test_a_billion_rows_take_no_memory() -> None:
    tracemalloc.start()
    batches = iter(sampler_of(rows=10**9, batch_size=1024))
    assert len(next(batches)) == 1024
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


def test_repr_says_what_it_does() -> None:
    assert repr(sampler_of(rank=1, world_size=2)) == (
        "<headrace.BatchSampler(20, batch_size=3, shuffle=True, seed=5, rank=1, world_size=2); "
        "epoch=0, batches=4>"
    )


# In torch's DataLoader.


def columns(batches: Any) -> list[list[int]]:
    return [batch[0].tolist() for batch in batches]


@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}])
def test_dataloader_reads_any_dataset_in_its_order(workers: Any) -> None:
    sampler = sampler_of()
    loader = DataLoader(TensorDataset(torch.arange(20)), batch_sampler=sampler, **workers)
    for number in range(3):
        assert columns(loader) == epoch(number)
    assert len(loader) == len(sampler)


def test_persistent_workers_get_every_epoch() -> None:
    loader = DataLoader(
        TensorDataset(torch.arange(20)),
        batch_sampler=sampler_of(),
        num_workers=2,
        persistent_workers=True,
    )
    for number in range(3):
        assert columns(loader) == epoch(number)


def test_dataloader_with_workers_counts_batches_itself() -> None:
    sampler = sampler_of(rows=60)
    loader = DataLoader(TensorDataset(torch.arange(60)), batch_sampler=sampler, num_workers=2)
    got = columns(itertools.islice(iter(loader), 5))
    assert point(sampler.state_dict())[1] > 15  # drawn ahead
    other = sampler_of(rows=60)
    other.load_state_dict(sampler.state_dict(batches=5))
    assert got + list(other) == epoch(0, rows=60)


def test_a_dataset_of_headrace_gives_whole_batches(numbered: Numbered) -> None:
    ds: Any = numbered(20)
    loader = DataLoader(ds, sampler=sampler_of(), batch_size=None)
    for number in range(2):
        assert [batch["y"].tolist() for batch in loader] == epoch(number)


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("done", [0, 1, 4, 6, 7])
def test_a_stateful_dataloader_goes_on_exactly(
    num_workers: int, persistent: bool, done: int
) -> None:
    def make() -> Any:
        return StatefulDataLoader(
            TensorDataset(torch.arange(20)),
            batch_sampler=sampler_of(),
            num_workers=num_workers,
            persistent_workers=persistent and num_workers > 0,
        )

    loader = make()
    got = columns(itertools.islice(iter(loader), done))
    assert got == epoch(0)[:done]
    other = make()
    other.load_state_dict(loader.state_dict())
    assert columns(other) == epoch(0)[done:]
    assert columns(other) == epoch(1)
    assert columns(other) == epoch(2)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_stateful_dataloader_goes_on_after_a_whole_epoch(num_workers: int) -> None:
    def make() -> Any:
        data = TensorDataset(torch.arange(20))
        return StatefulDataLoader(data, batch_sampler=sampler_of(), num_workers=num_workers)

    loader = make()
    assert columns(loader) == epoch(0)
    other = make()
    other.load_state_dict(loader.state_dict())
    assert columns(other) == epoch(1)


def test_numpy_numbers_are_numbers() -> None:
    assert list(hr.BatchSampler(np.int64(4), np.int32(3))) == [[0, 1, 2], [3]]  # type: ignore[arg-type]


def test_a_text_is_no_number_of_rows() -> None:
    with pytest.raises(hr.InvalidError, match="'10'"):
        hr.BatchSampler("10", 3)

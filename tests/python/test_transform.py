from __future__ import annotations

import functools
import itertools
import pickle
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
THREADS = [None, 1, 3]


@pytest.fixture
def make(numbered: Numbered) -> Callable[..., hr.Loader]:
    def loader(rows: int = 20, **arguments: Any) -> hr.Loader:
        settings: dict[str, Any] = {"batch_size": 2, "shuffle": True, "output": "numpy"}
        return hr.Loader(numbered(rows), **(settings | arguments))

    return loader


Make = Callable[..., hr.Loader]


def ys(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


def noisy(batch: dict[str, Any], context: hr.BatchContext) -> dict[str, Any]:
    noise = context.rng().integers(0, 2**62, size=len(batch["y"]))
    return {"y": batch["y"], "noise": noise}


def noise(batches: Any) -> list[list[int]]:
    return [batch["noise"].tolist() for batch in batches]


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("shuffle", [False, True, hr.BlockShuffle(block_rows=4, window=3)])
def test_every_batch_goes_through_the_transform_in_order(
    threads: int | None, shuffle: Any, make: Make
) -> None:
    plain = make(1000, shuffle=shuffle)
    doubled = make(
        1000,
        shuffle=shuffle,
        transform=lambda batch: {"y": 2 * batch["y"]},
        transform_threads=threads,
    )
    for _epoch in range(2):
        assert ys(doubled) == [[2 * y for y in batch] for batch in ys(plain)]


@pytest.mark.parametrize("threads", THREADS)
def test_the_context_says_where_the_batch_stands(threads: int | None, make: Make) -> None:
    seen: dict[int, tuple[Any, ...]] = {}

    def look(batch: Any, context: hr.BatchContext) -> Any:
        assert context.rows.dtype == np.int64
        np.testing.assert_array_equal(context.rows, batch["y"])
        seen[context.batch] = (context.epoch, context.position, context.count)
        return batch

    loader = make(11, batch_size=4, transform=look, transform_threads=threads)
    list(loader)
    assert seen == {0: (0, 0, 4), 1: (0, 4, 4), 2: (0, 8, 3)}
    list(loader)
    assert seen[2] == (1, 8, 3)
    state = loader.state_dict() | {"epoch": 5, "position": 4}
    loader.load_state_dict(state)
    seen.clear()
    list(loader)
    assert seen == {0: (5, 4, 4), 1: (5, 8, 3)}


def test_ranks_have_positions_of_their_own(make: Make) -> None:
    positions: list[int] = []

    def look(batch: Any, context: hr.BatchContext) -> Any:
        positions.append(context.position)
        np.testing.assert_array_equal(context.rows, batch["y"])
        return batch

    for rank in range(3):
        list(make(18, transform=look, rank=rank, world_size=3))
    assert len(set(positions)) == len(positions) == 9


@pytest.mark.parametrize("threads", THREADS)
def test_random_numbers_repeat_after_a_resume(threads: int | None, make: Make) -> None:
    whole = noise(make(transform=noisy))
    assert len(set(itertools.chain.from_iterable(whole))) == 20  # batches share none
    loader = make(transform=noisy, transform_threads=threads)
    got = noise(itertools.islice(loader, 4))
    resumed = make(transform=noisy, transform_threads=threads)
    resumed.load_state_dict(loader.state_dict())
    assert got + noise(resumed) == whole
    assert noise(resumed) != whole  # the next epoch


def test_random_numbers_differ_by_seed_and_epoch(make: Make) -> None:
    got = set()
    for seed in (0, 1, 2**32, 2**64 - 1):
        loader = make(shuffle=False, seed=seed, transform=noisy)
        for epoch in (0, 1, 2**32):
            loader.set_epoch(epoch)
            got.add(noise(loader)[0][0])
    assert len(got) == 12


def test_random_numbers_keep_their_definition(make: Make) -> None:
    drawn = []

    def draw(batch: Any, context: hr.BatchContext) -> Any:
        drawn.append(context.rng().bit_generator.random_raw())
        return batch

    seed, epoch = 7 + 5 * 2**32, 3
    loader = make(shuffle=False, seed=seed, transform=draw)
    loader.set_epoch(epoch)
    list(loader)
    entropy = np.random.SeedSequence([7, 5, 3, 0, 2, 0, 0, 0])  # halves of seed, epoch, position, 0
    assert drawn[1] == np.random.PCG64(entropy).random_raw()


def test_generators_go_on_where_they_are_and_are_independent(make: Make) -> None:
    def draw(batch: Any, context: hr.BatchContext) -> Any:
        assert context.rng() is context.rng()
        assert context.torch_generator() is context.torch_generator()
        first, second = context.rng().random(), context.rng().random()
        third = torch.rand(1, generator=context.torch_generator()).item()
        return {"y": batch["y"], "random": np.array([[first, second, third]] * len(batch["y"]))}

    loader = make(transform=draw)
    drawn = np.concatenate([batch["random"][:1] for batch in loader])
    assert len(np.unique(drawn)) == drawn.size
    loader.set_epoch(0)
    np.testing.assert_array_equal(drawn, np.concatenate([batch["random"][:1] for batch in loader]))


class Callable2:
    def __call__(self, batch: Any, context: Any) -> Any:
        assert isinstance(context, hr.BatchContext)
        return batch

    def method(self, batch: Any) -> Any:
        return batch


def with_default(batch: Any, factor: int = 3) -> Any:
    assert factor == 3
    return batch


def keyword_only(batch: Any, *, context: Any) -> Any:
    assert isinstance(context, hr.BatchContext)
    return batch


def default_context(batch: Any, factor: int = 3, context: Any = None) -> Any:
    assert (factor, type(context)) == (3, hr.BatchContext)
    return batch


def anything(*batch: Any, **options: Any) -> Any:
    assert (len(batch), options) == (1, {})
    return batch[0]


def other_name(batch: Any, where: Any) -> Any:
    assert isinstance(where, hr.BatchContext)
    return batch


@pytest.mark.parametrize(
    "function",
    [
        Callable2(),
        Callable2().method,
        with_default,
        keyword_only,
        default_context,
        anything,
        other_name,
        dict,
        functools.partial(with_default, factor=3),
        functools.partial(other_name),
        torch.nn.Identity(),
    ],
)
def test_the_signature_decides_how_it_is_called(function: Any, make: Make) -> None:
    assert ys(make(transform=function)) == ys(make())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 0, r"takes \(\); it is called as fn\(batch\) or fn\(batch, context\)"),
        (lambda a, b, c: a, r"takes \(a, b, c\)"),
        (lambda batch, *, p: batch, "give other parameters defaults"),
        (lambda batch, context, p: batch, "give other parameters defaults"),
        ("augment", "a transform is a function of a batch"),
        ([len], "a transform is a function of a batch"),
    ],
    ids=["none", "three", "named", "more", "a-str", "a-list"],
)
def test_what_can_not_be_called_is_refused_at_once(function: Any, message: str, make: Make) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        make(transform=function)


@pytest.mark.parametrize("threads", [0, -1, True, 1.5, "2", 2000])
def test_threads_are_a_number(threads: Any, make: Make) -> None:
    with pytest.raises(hr.InvalidError, match="transform_threads"):
        make(transform=len, transform_threads=threads)


def test_threads_without_a_transform_are_refused(make: Make) -> None:
    with pytest.raises(hr.InvalidError, match="transform_threads=2 is given without transform="):
        make(transform_threads=2)


class Wrapped(NamedTuple):
    values: Any
    offsets: Any


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda b: None, r"returned None; did it forget to return the batch\?"),
        (lambda b: b["y"][:1], "returned 1 rows for a batch of 2"),
        (lambda b: {"y": b["y"], "z": np.zeros((3, 2))}, r"returned 3 rows in result\['z'\] for"),
        (lambda b: (b["y"], np.zeros(0)), r"returned 0 rows in result\[1\] for a batch of 2"),
        (lambda b: {"a": {"b": torch.zeros(5)}}, r"5 rows in result\['a'\]\['b'\]"),
        (lambda b: {"t": ["a", "b", "c"]}, r"3 rows in result\['t'\]"),
        (lambda b: [np.zeros(3), np.zeros(4)], r"ragged list: .* \(3,\) and \(4,\); pad"),
        (lambda b: {"t": [[1], [1, 2]]}, r"ragged list in result\['t'\]"),
    ],
)
@pytest.mark.parametrize("threads", THREADS)
def test_results_that_are_no_batch_are_refused(
    result: Any, message: str, threads: int | None, make: Make
) -> None:
    with pytest.raises(hr.TransformError, match=message) as caught:
        list(make(transform=result, transform_threads=threads))
    assert caught.value.__cause__ is None
    assert caught.value.batch == 0


@pytest.mark.parametrize(
    "result",
    [
        lambda b: b["y"],
        lambda b: (b["x"], [b["y"], torch.zeros(2, 9)]),
        lambda b: {"crops": [torch.zeros(2, 8), torch.zeros(2, 4), torch.zeros(2, 2)]},
        lambda b: {"text": ["a", "bc"], "scale": 2.0, "name": "abc", "zero": np.float32(1)},
        lambda b: {"rows": [np.zeros(3), np.ones(3)]},
        lambda b: Wrapped(np.zeros(9), np.zeros(3)),
    ],
)
def test_results_of_many_kinds_are_batches(result: Any, make: Make) -> None:
    assert len(list(make(transform=result))) == 10


@pytest.mark.parametrize("threads", THREADS)
def test_an_exception_names_the_batch_and_the_state_goes_on_there(
    threads: int | None, make: Make
) -> None:
    order = ys(make())
    bad = order[6][0]
    broken = [True]

    def fail(batch: Any) -> Any:
        if broken and bad in batch["y"]:
            raise ZeroDivisionError("by zero")
        return batch

    loader = make(transform=fail, transform_threads=threads)
    got = []
    with pytest.raises(hr.TransformError) as caught:  # noqa: PT012
        for batch in loader:
            got.append(batch)
    assert ys(got) == order[:6]
    error = caught.value
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert (error.epoch, error.batch, error.position, error.row) == (0, 6, 12, bad)
    rows = ", ".join(map(str, order[6]))
    for part in (
        "fail failed: ZeroDivisionError: by zero",
        "epoch 0, batch 6 ",
        "position 12",
        rows,
    ):
        assert part in str(error)
    state = loader.state_dict()
    assert (state["epoch"], state["position"]) == (0, 12)
    broken.clear()
    loader.load_state_dict(state)
    assert ys(loader) == order[6:]


@pytest.mark.parametrize("threads", THREADS)
def test_after_an_error_the_iterator_is_over(threads: int | None, make: Make) -> None:
    def fail(batch: Any, context: hr.BatchContext) -> Any:
        if context.batch == 1 and context.epoch == 0:
            raise ValueError
        return batch

    loader = make(transform=fail, transform_threads=threads)
    batches = iter(loader)
    next(batches)
    with pytest.raises(hr.TransformError):
        next(batches)
    with pytest.raises(hr.CancelledError, match="ended with an error"):
        next(batches)
    assert len(ys(loader)) == 10


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_goes_through(
    error: type[BaseException], threads: int | None, make: Make
) -> None:
    def stop(batch: Any, context: hr.BatchContext) -> Any:
        if context.batch == 2:
            raise error
        return batch

    loader = make(transform=stop, transform_threads=threads)
    with pytest.raises(error):
        list(loader)
    assert loader.state_dict()["position"] == 4


@pytest.mark.parametrize("threads", THREADS)
def test_a_stop_iteration_does_not_end_the_epoch(threads: int | None, make: Make) -> None:
    with pytest.raises(hr.TransformError, match="StopIteration"):
        list(make(transform=lambda batch: next(iter([])), transform_threads=threads))


@pytest.mark.parametrize("threads", THREADS)
def test_an_error_of_reading_comes_in_its_place(threads: int | None, tmp_path: Any) -> None:
    names = [f"{tmp_path}/{name}.npy" for name in "ab"]
    for name in names:
        np.save(name, np.arange(8))
    ds = hr.open({"y": names})
    np.save(names[1], np.arange(1))  # shorter than it was
    loader = hr.Loader(ds, batch_size=2, output="numpy", transform=dict, transform_threads=threads)
    got = []
    with pytest.raises(hr.HeadraceError) as caught:  # noqa: PT012
        for batch in loader:
            got.append(batch)
    assert not isinstance(caught.value, (hr.TransformError, hr.CancelledError))
    assert ys(got) == [[0, 1], [2, 3], [4, 5], [6, 7]]


@pytest.mark.parametrize("threads", THREADS)
def test_the_state_counts_what_the_user_received(threads: int | None, make: Make) -> None:
    loader = make(transform=dict, transform_threads=threads)
    batches = iter(loader)
    for position in range(2, 20, 2):
        next(batches)
        state = loader.state_dict()
        assert (state["epoch"], state["position"]) == (0, position)
    next(batches)
    state = loader.state_dict()
    assert (state["epoch"], state["position"]) == (1, 0)
    assert list(batches) == []


@pytest.mark.parametrize("threads", THREADS)
def test_exact_ranks_agree_on_the_state(threads: int | None, make: Make) -> None:
    points = []
    for rank in range(3):
        loader = make(
            10, exact=True, rank=rank, world_size=3, transform=dict, transform_threads=threads
        )
        batches = iter(loader)
        for _ in range(len(loader)):
            next(batches)
        before = loader.state_dict()
        assert next(batches, None) is None
        after = loader.state_dict()
        points.append([(x["epoch"], x["position"]) for x in (before, after)])
    plain = []
    for rank in range(3):
        loader = make(10, exact=True, rank=rank, world_size=3)
        batches = iter(loader)
        for _ in range(len(loader)):
            next(batches)
        before = loader.state_dict()
        assert next(batches, None) is None
        after = loader.state_dict()
        plain.append([(x["epoch"], x["position"]) for x in (before, after)])
    assert points == plain


@pytest.mark.parametrize("threads", THREADS)
def test_peek_transforms_and_uses_up_nothing(threads: int | None, make: Make) -> None:
    expected = noise(make(transform=noisy))
    loader = make(transform=noisy, transform_threads=threads)
    assert noise([loader.peek(), loader.peek()]) == [expected[0]] * 2
    batches = iter(loader)
    for batch in expected:
        assert noise([loader.peek()]) == [batch]
        assert noise([next(batches)]) == [batch]


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_work_ahead_but_not_far(threads: int, make: Make) -> None:
    done: list[int] = []

    def count(batch: Any, context: hr.BatchContext) -> Any:
        done.append(context.batch)
        return batch

    loader = make(2000, transform=count, transform_threads=threads, prefetch=6)
    batches = iter(loader)
    next(batches)
    deadline = threading.Event()
    for _ in range(200):
        if len(done) >= 7:
            break
        deadline.wait(0.01)
    deadline.wait(0.05)
    assert len(done) == 7  # one was taken, and 6 are ready


def test_transforms_run_in_threads_of_python_at_once(make: Make) -> None:
    together = threading.Barrier(3, timeout=30)
    names = set()

    def meet(batch: Any) -> Any:
        names.add(threading.current_thread().name)
        together.wait()
        return batch

    loader = make(60, transform=meet, transform_threads=3)
    assert len(ys(loader)) == 30
    assert names == {f"headrace-transform-{k}" for k in range(3)}
    names.clear()


def test_without_threads_it_runs_where_batches_are_taken(make: Make) -> None:
    names = set()

    def look(batch: Any) -> Any:
        names.add(threading.current_thread())
        return batch

    list(make(transform=look))
    assert names == {threading.current_thread()}


def test_a_second_iterator_supersedes_even_what_is_ready(make: Make) -> None:
    for threads in THREADS:
        loader = make(transform=dict, transform_threads=threads)
        first = iter(loader)
        next(first)
        second = iter(loader)
        with pytest.raises(hr.CancelledError, match="superseded"):
            next(first)
        assert len(list(second)) == 10


def test_the_errors_are_pickled_whole() -> None:
    error = hr.TransformError("what", row=3, epoch=1, batch=2, position=8)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.row, again.epoch, again.batch, again.position) == ("what", 3, 1, 2, 8)


async def later(batch: Any) -> Any:
    return batch


def one_by_one(batch: Any) -> Any:
    yield batch


@pytest.mark.parametrize("function", [later, one_by_one])
def test_a_transform_returns_its_batch_at_once(function: Any, numbered: Numbered) -> None:
    with pytest.raises(hr.InvalidError, match="a transform returns the batch"):
        hr.Loader(numbered(4), transform=function)

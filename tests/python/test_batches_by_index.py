"""Loader(ds, batch_sampler=...): batches whose rows the user names."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
Make = Callable[..., hr.Loader]

UNEVEN = [[3], [1, 1, 7], np.arange(9), (0, 5), torch.tensor([2, 2]), range(4), [-1]]
ROWS = [[3], [1, 1, 7], list(range(9)), [0, 5], [2, 2], [0, 1, 2, 3], [19]]


@pytest.fixture
def make(numbered: Numbered) -> Make:
    def loader(batches: Any, rows: int = 20, **arguments: Any) -> hr.Loader:
        return hr.Loader(numbered(rows), batch_sampler=batches, output="numpy", **arguments)

    return loader


def ys(batches: Any) -> list[list[int]]:
    return [batch["y"].tolist() for batch in batches]


class Computed:
    """A sequence that is worked out when it is asked, and remembers for what and where."""

    def __init__(self, length: int, rows: int = 20) -> None:
        self.length, self.rows = length, rows
        self.asked: list[int] = []
        self.threads: set[int] = set()

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> list[int]:
        self.asked.append(number)
        self.threads.add(threading.get_ident())
        return [(number * 7 + k) % self.rows for k in range(1 + number % 5)]


def test_batches_are_as_they_are_named(
    make: Make, row_numbers: Callable[[Any], list[list[int]]]
) -> None:
    loader = make(UNEVEN)
    for _epoch in range(2):
        assert row_numbers(loader) == ROWS
    assert len(loader) == len(ROWS)
    assert loader.stats()["rows"] == 2 * sum(map(len, ROWS))


@pytest.mark.parametrize("output", ["torch", "numpy", "dlpack"])
def test_batches_that_are_kept_never_change(output: Any, numbered: Numbered) -> None:
    batches = Computed(300)
    loader = hr.Loader(numbered(20), batch_sampler=batches, output=output)
    kept = list(loader)
    for number, batch in enumerate(kept):
        y = torch.utils.dlpack.from_dlpack(batch["y"]) if output == "dlpack" else batch["y"]
        assert y.tolist() == batches[number]


def test_shuffle_is_the_order_of_the_batches(make: Make, numbered: Numbered) -> None:
    batches = [[k, k] for k in range(20)]
    for shuffle in (True, hr.BlockShuffle(block_rows=4, window=2)):
        loader = make(batches, shuffle=shuffle, seed=3)
        order = hr.Loader(numbered(20), shuffle=shuffle, seed=3, output="numpy")
        for _epoch in range(2):
            assert ys(loader) == [[k, k] for [k] in ys(order)]


def test_ranks_share_out_whole_batches(make: Make) -> None:
    batches = [[k, k + 1] for k in range(10)]
    loaders = [make(batches, shuffle=True, rank=rank, world_size=3) for rank in range(3)]
    got = [ys(loader) for loader in loaders]
    assert [len(x) for x in got] == [4, 4, 4] == [len(loader) for loader in loaders]
    every = list(itertools.chain.from_iterable(got))
    assert {tuple(batch) for batch in every} == {tuple(batch) for batch in batches}
    assert sum(loader.stats()["padding"] for loader in loaders) == 4  # the rows of two batches


def test_the_sequence_is_asked_a_few_batches_ahead(make: Make) -> None:
    batches = Computed(10**9)
    loader = make(batches, prefetch=5, num_threads=2)
    assert batches.asked == []
    got = list(itertools.islice(loader, 20))
    assert len(got) == 20
    assert batches.asked == list(range(len(batches.asked)))
    assert 20 <= len(batches.asked) <= 20 + 5 + 2
    assert batches.threads == {threading.get_ident()}


def test_the_state_counts_batches(make: Make) -> None:
    batches = Computed(30)
    whole = ys(make(batches, shuffle=True))
    for done in (0, 1, 7, 29):
        loader = make(batches, shuffle=True)
        list(itertools.islice(loader, done))
        state = loader.state_dict()
        assert (state["epoch"], state["position"]) == (0, done)
        other = make(Computed(30), shuffle=True, num_threads=1, prefetch=1)
        other.load_state_dict(state)
        assert ys(other) == whole[done:]
    loader = make(batches, shuffle=True)
    list(loader)
    assert (loader.state_dict()["epoch"], loader.state_dict()["position"]) == (1, 0)


def test_a_state_goes_on_with_another_number_of_ranks(make: Make) -> None:
    batches = [[k] for k in range(20)]
    got = []
    loaders = [make(batches, shuffle=True, rank=rank, world_size=2) for rank in range(2)]
    for loader in loaders:
        got += ys(itertools.islice(loader, 4))
    for rank in range(3):
        other = make(batches, shuffle=True, rank=rank, world_size=3)
        other.load_state_dict(loaders[0].state_dict())
        got += ys(other)
    assert sorted(itertools.chain.from_iterable(got)) == list(range(20))


def test_a_state_of_other_batches_is_refused(make: Make, numbered: Numbered) -> None:
    state = make(Computed(30)).state_dict()
    for other, message in (
        (make(Computed(31)), "number of batches 30 in the state, 31 here; give the same batch_"),
        (make([[1]] * 30), "hash of batches"),
        (hr.Loader(numbered(20), output="numpy"), "'batches' is unknown"),
    ):
        with pytest.raises(hr.InvalidError, match=message):
            other.load_state_dict(state)
    with pytest.raises(hr.InvalidError, match="position is 30; it must be an int from 0 to 29"):
        make(Computed(30)).load_state_dict(state | {"position": 30})


@pytest.mark.parametrize("threads", [None, 2])
def test_a_transform_gets_the_rows(threads: int | None, make: Make) -> None:
    seen = {}

    def look(batch: Any, context: hr.BatchContext) -> Any:
        assert context.rows.tolist() == batch["y"].tolist()
        assert context.count == len(context.rows)
        seen[context.batch] = (context.position, context.rng().random())
        return batch

    loader = make(UNEVEN, transform=look, transform_threads=threads)
    assert ys(loader) == ROWS
    assert [seen[k][0] for k in range(7)] == list(range(7))
    first = dict(seen)
    loader.set_epoch(0)
    list(loader)
    assert seen == first
    loader.set_epoch(0)
    assert loader.peek()["y"].tolist() == ROWS[0]


def test_peek_uses_up_nothing(make: Make) -> None:
    loader = make(UNEVEN)
    batches = iter(loader)
    for rows in ROWS:
        assert loader.peek()["y"].tolist() == rows
        assert next(batches)["y"].tolist() == rows


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ([20], hr.RowIndexError, r"batch_sampler\[3\]: row 20 is out of range for 20 rows"),
        ([-21, 3], hr.RowIndexError, r"batch_sampler\[3\]: row -21"),
        ([], hr.InvalidError, r"batch_sampler\[3\] has the shape \(0,\); .* at least one"),
        ([[1, 2]], hr.InvalidError, r"batch_sampler\[3\] has the shape \(1, 2\)"),
        ([1.5], hr.InvalidError, r"batch_sampler\[3\]: rows are named by integers"),
        ([True] * 20, hr.InvalidError, r"batch_sampler\[3\] is a mask"),
        (3, hr.InvalidError, r"batch_sampler\[3\] is a int"),
        (None, hr.InvalidError, r"batch_sampler\[3\] is a NoneType"),
        ("12", hr.InvalidError, r"batch_sampler\[3\] is a str"),
    ],
)
@pytest.mark.parametrize("threads", [None, 2])
def test_a_bad_batch_is_an_error_in_its_place(
    bad: Any, error: type[Exception], message: str, threads: int | None, make: Make
) -> None:
    batches = [[0], [1], [2], bad, [4]]
    arguments = {} if threads is None else {"transform": dict, "transform_threads": threads}
    loader = make(batches, prefetch=4, **arguments)
    run = iter(loader)
    got = [next(run) for _ in range(3)]
    assert ys(got) == [[0], [1], [2]]
    with pytest.raises(error, match=message):
        next(run)
    with pytest.raises(hr.CancelledError):
        next(run)
    batches[3] = [3]
    assert loader._epochs.handed_out() == (0, 3)


def test_an_exception_of_the_sequence_names_the_batch(make: Make) -> None:
    class Short(Computed):
        def __getitem__(self, number: int) -> list[int]:
            if number == 4:
                raise KeyError("gone")
            return super().__getitem__(number)

    run = iter(make(Short(6)))
    for _ in range(4):
        next(run)
    message = r"batch_sampler\[4\] failed: KeyError: 'gone'"
    with pytest.raises(hr.TransformError, match=message) as e:
        next(run)
    assert isinstance(e.value.__cause__, KeyError)


def test_ctrl_c_in_the_sequence_loses_nothing(make: Make) -> None:
    class Interrupted(Computed):
        def __getitem__(self, number: int) -> list[int]:
            if number == 3 and number not in self.asked:
                self.asked.append(number)
                raise KeyboardInterrupt
            return super().__getitem__(number)

    run = iter(make(Interrupted(6)))
    got: list[Any] = []
    interrupts = 0
    while len(got) < 6:
        try:
            got.append(next(run))
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts == 1
    assert ys(got) == [Computed(6)[number] for number in range(6)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 2}, "batch_size=2 and batch_sampler= exclude each other"),
        ({"drop_last": True}, "drop_last=True and batch_sampler= exclude"),
        ({"exact": True}, "exact=True and batch_sampler= exclude"),
    ],
)
def test_arguments_that_exclude_each_other(arguments: Any, message: str, make: Make) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        make(UNEVEN, **arguments)


@pytest.mark.parametrize("bad", [7, iter([[1]]), (x for x in [[1]]), len, "", []])
def test_what_is_no_sequence_is_refused(bad: Any, make: Make) -> None:
    with pytest.raises(hr.InvalidError, match="batch_sampler"):
        make(bad)


def test_a_second_iterator_and_close_end_the_first(make: Make) -> None:
    loader = make(Computed(50))
    first = iter(loader)
    next(first)
    second = iter(loader)
    with pytest.raises(hr.CancelledError, match="superseded"):
        next(first)
    next(second)
    loader.close()
    with pytest.raises(hr.CancelledError, match="closed"):
        next(second)


def test_threads_share_one_iterator(make: Make) -> None:
    run = iter(make([[k] for k in range(2000)], rows=2000))
    got: list[int] = []
    lock = threading.Lock()

    def take() -> None:
        for batch in run:
            with lock:
                got.extend(batch["y"].tolist())

    workers = [threading.Thread(target=take) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert sorted(got) == list(range(2000))


def test_memory_does_not_grow_with_batches(run_script: Callable[..., Any]) -> None:
    done = run_script(
        """
        import os
        import numpy as np, headrace as hr

        def resident():
            return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        class Batches:
            def __len__(self):
                return 10**9
            def __getitem__(self, number):
                return list(range(1 + number * 37 % 500))

        ds = hr.from_arrays(np.zeros((500, 16)))
        run = iter(hr.Loader(ds, batch_sampler=Batches(), output="numpy"))
        for _ in range(3000):
            next(run)
        before = resident()
        for _ in range(20_000):
            next(run)
        grown = resident() - before
        assert grown < 4e6, grown
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_forked_child_is_refused_and_the_parent_goes_on(run_script: Callable[..., Any]) -> None:
    done = run_script(
        """
        import os, signal
        import numpy as np, headrace as hr
        loader = hr.Loader(hr.from_arrays(np.arange(9)), batch_sampler=[[k] for k in range(9)],
                           output="numpy")
        run = iter(loader)
        next(run)
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            try:
                next(run)
            except hr.CancelledError:
                os._exit(0 if len(list(loader)) == 9 else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert len(list(run)) == 8
        """
    )
    assert done.returncode == 0, done.stderr

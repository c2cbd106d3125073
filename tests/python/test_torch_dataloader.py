"""A Loader as the dataset of torch's DataLoader and of torchdata's StatefulDataLoader."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset
from torchdata.stateful_dataloader import StatefulDataLoader

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
RunScript = Callable[..., subprocess.CompletedProcess[str]]

# torchdata 0.11 calls a function that torch 2.13 has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),  # more than processors
]


def noisy(batch: Any, context: hr.BatchContext) -> Any:
    noise = torch.rand(len(batch["y"]), generator=context.torch_generator())
    return {"y": batch["y"], "noise": noise, "rows": torch.from_numpy(context.rows)}


@pytest.fixture
def make(numbered: Numbered) -> Callable[..., hr.Loader]:
    def loader(rows: int = 23, **arguments: Any) -> hr.Loader:
        settings: dict[str, Any] = {"batch_size": 2, "shuffle": True, "seed": 3}
        if "batch_sampler" in arguments:
            del settings["batch_size"]
        return hr.Loader(numbered(rows), **(settings | arguments))

    return loader


Make = Callable[..., hr.Loader]


def ys(batches: Any) -> list[list[int]]:
    return [np.asarray(batch["y"]).tolist() for batch in batches]


def epochs(make: Make, *numbers: int, **arguments: Any) -> list[list[list[int]]]:
    out = []
    for number in numbers:
        loader = make(**arguments)
        loader.set_epoch(number)
        out.append(ys(loader))
    return out


def wrap(loader: hr.Loader, num_workers: int, **arguments: Any) -> Any:
    dataset: Any = loader
    return DataLoader(dataset, batch_size=None, num_workers=num_workers, **arguments)


def test_a_loader_is_an_iterable_dataset(make: Make) -> None:
    assert isinstance(make(), IterableDataset)
    assert isinstance(make(output="numpy"), IterableDataset)


@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
@pytest.mark.parametrize("rows", [1, 5, 8, 23])
@pytest.mark.parametrize("arguments", [{}, {"drop_last": True}, {"shuffle": False}], ids=str)
def test_workers_share_the_batches_in_their_order(
    num_workers: int, rows: int, arguments: Any, make: Make
) -> None:
    if rows == 1 and arguments.get("drop_last"):
        pytest.skip("no batch")
    loader = wrap(make(rows, **arguments), num_workers)
    expected = epochs(make, 0, 1, 2, rows=rows, **arguments)
    assert [ys(loader) for _ in range(3)] == expected
    assert len(loader) == len(expected[0])


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("ranks", [{}, {"rank": 1, "world_size": 2}])
def test_ranks_and_workers_go_together(persistent: bool, ranks: Any, make: Make) -> None:
    loader = wrap(make(**ranks), 2, persistent_workers=persistent)
    assert [ys(loader) for _ in range(3)] == epochs(make, 0, 1, 2, **ranks)


@pytest.mark.parametrize("output", ["torch", "numpy"])
def test_every_output_that_can_be_sent_arrives_as_tensors(output: Any, make: Make) -> None:
    for batch in wrap(make(output=output), 2):
        assert isinstance(batch["x"], torch.Tensor)
        assert batch["x"].shape[1:] == (3,)


def test_dlpack_objects_cannot_be_sent(make: Make) -> None:
    with pytest.raises(hr.UnsupportedError, match='output="dlpack": such batches cannot be sent'):
        list(wrap(make(output="dlpack"), 1))


@pytest.mark.parametrize("persistent", [False, True])
def test_set_epoch_and_states_of_the_main_process_reach_the_workers(
    persistent: bool, make: Make
) -> None:
    loader = make()
    outer = wrap(loader, 2, persistent_workers=persistent)
    assert ys(outer) == epochs(make, 0)[0]
    loader.set_epoch(7)
    assert [ys(outer), ys(outer)] == epochs(make, 7, 8)
    assert loader.epoch == 9
    state = make().state_dict() | {"epoch": 4, "position": 6}
    loader.load_state_dict(state)
    (whole,) = epochs(make, 4)
    assert ys(outer) == whole[3:]
    assert ys(outer) == epochs(make, 5)[0]
    assert ys(loader) == epochs(make, 6)[0]  # without workers it goes on, too
    assert ys(outer) == epochs(make, 7)[0]


@pytest.mark.parametrize("epoch", [6, np.int64(6)], ids=["int", "numpy"])
def test_set_epoch_in_the_workers_counts_as_well(epoch: Any, make: Make) -> None:
    def start(_worker: int) -> None:
        info: Any = torch.utils.data.get_worker_info()
        info.dataset.set_epoch(epoch)

    for persistent in (False, True):
        loader = make()
        outer = wrap(loader, 2, persistent_workers=persistent, worker_init_fn=start)
        later = 7 if persistent else 6
        assert [ys(outer), ys(outer)] == epochs(make, 6, later)
        assert loader.epoch == later + 1


def test_a_break_uses_up_an_epoch_and_an_unused_iterator_none(make: Make) -> None:
    for persistent in (False, True):
        outer = wrap(make(), 2, persistent_workers=persistent)
        for _batch in outer:
            break
        assert ys(outer) == epochs(make, 1)[0]


def test_equal_seeds_of_the_dataloader_do_not_repeat_an_epoch(make: Make) -> None:
    loader = make()
    got = []
    for _ in range(3):
        generator = torch.Generator().manual_seed(5)
        got.append(ys(wrap(loader, 2, generator=generator)))
    assert got == epochs(make, 0, 1, 2)


def test_two_dataloaders_over_one_loader_take_turns(make: Make) -> None:
    loader = make()
    first, second = wrap(loader, 2), wrap(loader, 3)
    assert [ys(first), ys(second), ys(first)] == epochs(make, 0, 1, 2)


def test_a_dataloader_in_a_forked_child_has_epochs_of_its_own(run_script: RunScript) -> None:
    done = run_script(
        """
        import os, signal
        import torch
        from torch.utils.data import DataLoader
        import headrace as hr
        loader = hr.Loader(hr.from_arrays(torch.arange(40)), shuffle=True, batch_size=4)
        def read(loader):
            return torch.cat([b[0] for b in DataLoader(loader, batch_size=None, num_workers=2)])
        first = read(loader)
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            assert not torch.equal(read(loader), first)
            os._exit(0 if loader.epoch == 2 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert loader.epoch == 1
        """
    )
    assert done.returncode == 0, done.stderr


def test_batches_in_batches_are_refused(make: Make) -> None:
    for num_workers in (0, 1):
        outer: Any = DataLoader(make(), num_workers=num_workers, batch_size=4)  # type: ignore[arg-type]
        with pytest.raises(hr.InvalidError, match=r"DataLoader\(loader, batch_size=None\)"):
            next(iter(outer))
    with pytest.raises(hr.InvalidError, match="batch_size=None"):
        next(iter(DataLoader(make())))  # type: ignore[arg-type]


def test_single_rows_are_refused(make: Make) -> None:
    with pytest.raises(hr.UnsupportedError, match="whole batches"):
        make()[0]


def test_a_loader_made_before_torch_was_imported_says_what_to_do(run_script: RunScript) -> None:
    done = run_script(
        """
        import numpy as np, headrace as hr
        loader = hr.Loader(hr.from_arrays(np.arange(8)), batch_size=2, output="numpy")
        import torch
        from torch.utils.data import DataLoader
        try:
            list(DataLoader(loader, batch_size=None))
        except hr.UnsupportedError as error:
            assert "make the DataLoader again" in str(error), error
        else:
            raise AssertionError
        assert [b.tolist() for [b] in DataLoader(loader, batch_size=None)] == [
            [0, 1], [2, 3], [4, 5], [6, 7]]
        """
    )
    assert done.returncode == 0, done.stderr


def test_a_loader_made_in_a_worker_is_not_shared_out(numbered: Numbered) -> None:
    class Own(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            return iter(hr.Loader(numbered(6), batch_size=2))

    assert len(list(DataLoader(Own(), batch_size=None, num_workers=2))) == 6


def test_a_loader_inside_another_iterable_is_shared_out(make: Make) -> None:
    class Outer(IterableDataset):  # type: ignore[type-arg]
        def __init__(self) -> None:
            self.loader = make()

        def __iter__(self) -> Any:
            return iter(self.loader)

    outer: Any = DataLoader(Outer(), batch_size=None, num_workers=2)
    assert [ys(outer), ys(outer)] == epochs(make, 0, 1)


def test_a_transform_gives_the_same_in_workers(make: Make) -> None:
    plain = list(make(transform=noisy))
    for arguments in ({}, {"transform_threads": 2}):
        got = list(wrap(make(transform=noisy, **arguments), 2))
        for one, other in zip(plain, got, strict=True):
            assert all(torch.equal(one[name], other[name]) for name in one)


def test_listed_batches_are_shared_out(make: Make) -> None:
    batches = [[k] * (1 + k % 3) for k in range(11)]
    for arguments in ({}, {"rank": 0, "world_size": 2}):
        loader = wrap(make(batch_sampler=batches, **arguments), 3)
        expected = epochs(make, 0, 1, batch_sampler=batches, **arguments)
        assert [ys(loader), ys(loader)] == expected


def test_an_error_in_a_worker_keeps_its_kind(make: Make) -> None:
    def fail(batch: Any, context: hr.BatchContext) -> Any:
        raise ValueError("no")

    with pytest.raises(hr.TransformError, match="epoch 0, batch 0 of the pass, position 0"):
        list(wrap(make(transform=fail), 1))


def test_a_state_with_workers_is_not_known_outside(make: Make) -> None:
    loader = make()
    outer = wrap(loader, 2)
    next(iter(outer))
    with pytest.raises(hr.UnsupportedError, match="only through torchdata's StatefulDataLoader"):
        loader.state_dict()
    loader.set_epoch(3)
    assert loader.state_dict()["epoch"] == 3


def test_workers_use_one_thread_each_unless_told(make: Make) -> None:
    class Count(IterableDataset):  # type: ignore[type-arg]
        def __init__(self, loader: hr.Loader) -> None:
            self.loader = loader

        def __iter__(self) -> Any:
            list(self.loader)
            yield torch.tensor(self.loader.stats()["num_threads"])

    for arguments, expected in (({}, 1), ({"num_threads": 2}, 2)):
        outer: Any = DataLoader(Count(make(**arguments)), batch_size=None, num_workers=1)
        assert [int(x) for x in outer] == [expected]


# StatefulDataLoader.


def stateful(loader: hr.Loader, num_workers: int, **arguments: Any) -> Any:
    return StatefulDataLoader(loader, batch_size=None, num_workers=num_workers, **arguments)


@pytest.mark.parametrize("num_workers", [0, 2, 3])
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("done", [0, 1, 2, 5, 10, 11, 12])
def test_a_stateful_dataloader_goes_on_exactly(
    num_workers: int, persistent: bool, done: int, make: Make
) -> None:
    persistent = persistent and num_workers > 0
    whole, *later = epochs(make, 0, 1, 2)
    assert len(whole) == 12
    outer = stateful(make(), num_workers, persistent_workers=persistent)
    run = iter(outer)
    got = ys(itertools.islice(run, done))
    assert got == whole[:done]
    state = outer.state_dict()
    other = stateful(make(), num_workers, persistent_workers=persistent)
    other.load_state_dict(state)
    assert ys(other) == whole[done:]
    assert [ys(other), ys(other)] == later
    # The one that was saved goes on as well.
    assert ys(run) == whole[done:]
    assert [ys(outer), ys(outer)] == later


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("persistent", [False, True])
def test_a_stateful_dataloader_goes_on_after_whole_epochs(
    num_workers: int, persistent: bool, make: Make
) -> None:
    persistent = persistent and num_workers > 0
    outer = stateful(make(), num_workers, persistent_workers=persistent)
    assert [ys(outer), ys(outer)] == epochs(make, 0, 1)
    other = stateful(make(), num_workers, persistent_workers=persistent)
    other.load_state_dict(outer.state_dict())
    assert [ys(other), ys(other)] == epochs(make, 2, 3)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_stateful_dataloader_may_be_resumed_again_and_again(num_workers: int, make: Make) -> None:
    expected = list(itertools.chain(*epochs(make, 0, 1, 2)))
    got: list[list[int]] = []
    state: Any = None
    while len(got) < len(expected):
        outer = stateful(make(), num_workers)
        if state is not None:
            outer.load_state_dict(state)
        got += ys(itertools.islice(iter(outer), 5))
        state = outer.state_dict()
    assert got == expected


def test_a_stateful_dataloader_saves_every_few_steps(make: Make) -> None:
    whole = epochs(make, 0)[0]
    outer = stateful(make(), 2, snapshot_every_n_steps=4)
    got = ys(itertools.islice(iter(outer), 6))
    other = stateful(make(), 2, snapshot_every_n_steps=4)
    other.load_state_dict(outer.state_dict())
    assert got + ys(other) == whole


def test_a_stateful_dataloader_resumes_transforms_and_listed_batches(make: Make) -> None:
    batches = [[k] * (1 + k % 3) for k in range(11)]
    arguments: dict[str, Any] = {"batch_sampler": batches, "transform": noisy}
    plain = list(make(**arguments))
    outer = stateful(make(**arguments), 2)
    got = list(itertools.islice(iter(outer), 4))
    other = stateful(make(**arguments), 2)
    other.load_state_dict(outer.state_dict())
    got += list(other)
    for one, another in zip(plain, got, strict=True):
        assert all(torch.equal(one[name], another[name]) for name in one)


def test_states_of_another_order_are_refused_in_workers(make: Make) -> None:
    outer = stateful(make(), 1)
    next(iter(outer))
    state = outer.state_dict()
    other = stateful(make(seed=4), 1)
    other.load_state_dict(state)
    with pytest.raises(hr.InvalidError, match="seed=3"):
        list(other)


def test_a_workers_state_is_refused_elsewhere(make: Make) -> None:
    outer = stateful(make(), 2)
    batches = iter(outer)
    next(batches)
    worker = outer.state_dict()["_snapshot"]["_worker_snapshots"]["worker_0"]["dataset_state"]
    assert worker["worker"] == {"id": 0, "of": 2}
    batches._shutdown_workers()  # torch would wait for them when the traceback goes
    with pytest.raises(hr.InvalidError, match="StatefulDataLoader with the same num_workers"):
        make().load_state_dict(worker)


# Ways of starting processes. A script, since spawn imports the main module again.

JOB = """
import itertools, sys
import torch
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader
import headrace as hr

def double(batch, context):
    return {"y": batch["y"], "z": 2 * batch["y"] + context.epoch * 0}

def make():
    ds = hr.from_arrays(x=torch.zeros(23, 3), y=torch.arange(23))
    return hr.Loader(ds, batch_size=2, shuffle=True, seed=3, transform=double)

def ys(batches):
    out = []
    for batch in batches:
        assert torch.equal(batch["z"], 2 * batch["y"])
        out.append(batch["y"].tolist())
    return out

def main(method, persistent):
    plain = make()
    expected = [ys(plain) for _ in range(4)]
    arguments = dict(batch_size=None, num_workers=2, persistent_workers=persistent,
                     multiprocessing_context=method)
    loader = make()
    outer = DataLoader(loader, **arguments)
    assert [ys(outer), ys(outer)] == expected[:2]
    loader.set_epoch(3)
    assert ys(outer) == expected[3]
    loader.set_epoch(0)
    for batch in loader:
        break
    assert ys(outer) == expected[1]
    outer = StatefulDataLoader(make(), **arguments)
    got = ys(itertools.islice(iter(outer), 5))
    other = StatefulDataLoader(make(), **arguments)
    other.load_state_dict(outer.state_dict())
    assert got + ys(other) == expected[0]
    assert ys(other) == expected[1]
    print("right")

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "persistent")
"""


# Processes that import torch anew for each pass take half a minute: make check-workers has those.
@pytest.mark.parametrize(
    ("method", "persistent"),
    [
        ("fork", "persistent"),
        ("fork", "fresh"),
        ("spawn", "persistent"),
        ("forkserver", "persistent"),
        *([("spawn", "fresh"), ("forkserver", "fresh")] if os.environ.get("ALL_WORKERS") else []),
    ],
)
def test_every_way_of_starting_workers(method: str, persistent: str, tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(JOB)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), method, persistent],
        capture_output=True,
        text=True,
        timeout=180,
        cwd=tmp_path,
        env=os.environ,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "right\n"), done.stderr


def test_the_end_of_a_program_with_workers_is_silent(run_script: RunScript) -> None:
    done = run_script("""
        import numpy as np, torch, headrace as hr
        loader = hr.Loader(hr.from_arrays(x=np.arange(100)), batch_size=10)
        next(iter(torch.utils.data.DataLoader(loader, batch_size=None, num_workers=1)))
        """)
    assert (done.returncode, done.stderr) == (0, "")

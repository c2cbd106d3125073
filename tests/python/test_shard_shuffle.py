"""hr.ShardShuffle: one order wherever the shards are, for ranks, views, states and copies."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import json
import math
import pickle
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace import _core

SIZES = [30, 1, 50, 7, 12, 41, 3, 24]
ROWS = sum(SIZES)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> hr.Dataset:
    """A dataset's directory of shards of the given sizes, in some order."""
    folder = tmp_path_factory.mktemp("shards")
    y = np.arange(ROWS)
    for part in np.split(y, np.cumsum(SIZES)[:-1]):
        with hr.Writer(folder) as writer:
            writer.write(x=np.stack([part, -part], axis=1).astype(np.float32), y=part)
    ds = hr.open(folder)
    assert sorted(len(shard) for shard in ds.shards()) == sorted(SIZES)
    return ds


def unit_sizes(ds: hr.Dataset) -> list[int]:
    """Returns how many rows each file has, in row order, looking at each row."""
    return [
        len(list(rows)) for _, rows in itertools.groupby(ds.locate(k)[0] for k in range(len(ds)))
    ]


def in_memory(ds: hr.Dataset) -> hr.Dataset:
    """Returns the same rows in one array for each shard."""
    parts = [shard.head(len(shard)) for shard in ds.shards()]
    return hr.from_arrays(
        **{name: hr.chunks([part[name] for part in parts]) for name in ("x", "y")}
    )


def in_files(ds: hr.Dataset, folder: Path) -> dict[str, hr.Dataset]:
    """Returns the same rows in a .npy and a raw file for each shard."""
    for number, shard in enumerate(ds.shards()):
        for name, values in shard.head(len(shard)).items():
            (folder / name).mkdir(exist_ok=True)
            np.save(folder / name / f"{number}.npy", values)
            np.asarray(values).tofile(folder / name / f"{number}.bin")
    return {
        "npy": hr.open({name: f"{folder}/{name}/*.npy" for name in ("x", "y")}),
        "raw": hr.memmap(
            {name: f"{folder}/{name}/*.bin" for name in ("x", "y")},
            dtype={"x": "float32", "y": "int64"},
            row_shape={"x": 2},
        ),
    }


def loader_of(ds: hr.Dataset, **arguments: Any) -> hr.Loader:
    settings: dict[str, Any] = {"batch_size": 10, "seed": 5, "output": "numpy"}
    settings["shuffle"] = hr.ShardShuffle(window=3)
    return hr.Loader(ds, **(settings | arguments))


def rows_of(batches: Any) -> list[list[int]]:
    """Returns the rows of each batch; their two columns agree."""
    out = []
    for batch in batches:
        assert np.array_equal(batch["x"][:, 0], batch["y"])
        out.append(batch["y"].tolist())
    return out


def flat(batches: list[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(batches))


def all_rows(ds: hr.Dataset, **arguments: Any) -> list[int]:
    with loader_of(ds, **arguments) as loader:
        return flat(rows_of(loader))


def test_the_order_is_that_of_the_shards_sizes(shards: hr.Dataset) -> None:
    for window, lanes, epoch in itertools.product((1, 3, 100), (1, 4), (0, 2)):
        units = _core.Units(np.array(unit_sizes(shards), np.uint64))
        order = _core.Order(ROWS, _core.Shuffle.shards(window, lanes, units), 5, epoch)
        expected = np.asarray(shards["y"][:])[order.take(0, ROWS)]
        with loader_of(shards, shuffle=hr.ShardShuffle(window=window, lanes=lanes)) as loader:
            loader.set_epoch(epoch)
            assert flat(rows_of(loader)) == expected.tolist()


@pytest.mark.parametrize("lanes", [1, 3])
def test_batches_and_states_do_not_depend_on_where_the_shards_are(
    lanes: int, shards: hr.Dataset, tmp_path: Path
) -> None:
    shuffle = hr.ShardShuffle(window=2, lanes=lanes)
    places = {"memory": in_memory(shards), **in_files(shards, tmp_path)}
    places["pread"] = hr.open(Path(shards.locate(0)[0]).parent.parent, io="pread")
    with loader_of(shards, shuffle=shuffle) as loader:
        expected = rows_of(loader)
        state = loader.state_dict()
    assert sorted(flat(expected)) == list(range(ROWS))
    for name, threads in itertools.product(places, (1, 3)):
        with loader_of(places[name], shuffle=shuffle, num_threads=threads) as loader:
            assert rows_of(loader) == expected, name
            found = loader.state_dict()
            assert found | {"dataset": None} == state | {"dataset": None}, name
            loader.load_state_dict(state)


def test_views_leave_of_each_shard_what_they_show(shards: hr.Dataset) -> None:
    first, second = shards.split(0.6, seed=2)
    chosen = shards.subset(sorted(np.random.default_rng(3).choice(ROWS, 80, replace=False)))
    odd = shards.filter(lambda batch: np.asarray(batch["y"]) % 2 == 1)
    for view in (
        first,
        second,
        chosen,
        odd,
        shards.subset(slice(20, 120)),
        shards.subset(slice(None, None, -1)),
    ):
        units = _core.Units(np.array(unit_sizes(view), np.uint64))
        order = _core.Order(len(view), _core.Shuffle.shards(3, 1, units), 5, 0)
        expected = np.asarray(view["y"][:])[order.take(0, len(view))]
        assert all_rows(view) == expected.tolist()


def test_at_most_the_window_is_open(shards: hr.Dataset) -> None:
    numbers = np.repeat(np.arange(len(SIZES)), unit_sizes(shards))
    number_of = dict(zip(np.asarray(shards["y"][:]).tolist(), numbers.tolist(), strict=True))
    found = [number_of[row] for row in all_rows(shards)]
    first = {number: found.index(number) for number in set(found)}
    last = {number: position for position, number in enumerate(found)}
    at_once = [sum(first[k] <= p <= last[k] for k in first) for p in range(ROWS)]
    assert max(at_once) == 3


def test_a_single_array_is_a_single_shard() -> None:
    ds = hr.from_arrays(x=np.zeros((40, 2)), y=np.arange(40))
    units = _core.Units(np.array([40], np.uint64))
    expected = _core.Order(40, _core.Shuffle.shards(3, 1, units), 5, 0).take(0, 40)
    with loader_of(ds.select_columns(["y"])) as loader:
        found = np.concatenate([batch["y"] for batch in loader])
    assert found.tolist() == expected.tolist() != list(range(40))


@pytest.mark.parametrize("world_size", [1, 2, 3, 4])
def test_ranks_share_the_epoch_and_read_lanes_of_their_own(
    world_size: int, shards: hr.Dataset
) -> None:
    lanes = 4
    shuffle = hr.ShardShuffle(window=2, lanes=lanes)
    numbers = np.repeat(np.arange(len(SIZES)), unit_sizes(shards))
    number_of = dict(zip(np.asarray(shards["y"][:]).tolist(), numbers.tolist(), strict=True))
    seen, readers = Counter[int](), Counter[int]()
    for rank in range(world_size):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if lanes % world_size else "error")
            loader = loader_of(
                shards, shuffle=shuffle, rank=rank, world_size=world_size, exact=True
            )
        rows = flat(rows_of(loader))
        seen.update(rows)
        readers.update({number_of[row] for row in rows})
    assert seen == Counter(range(ROWS))
    if lanes % world_size == 0:
        assert sum(readers.values()) <= len(SIZES) + lanes - 1
    else:
        assert sum(readers.values()) > len(SIZES) + lanes - 1


def test_ranks_without_lanes_of_their_own_are_told_what_it_costs(shards: hr.Dataset) -> None:
    def make(lanes: int, world_size: int) -> hr.Loader:
        shuffle = hr.ShardShuffle(window=2, lanes=lanes)
        return loader_of(shards, shuffle=shuffle, rank=0, world_size=world_size)

    for lanes, world_size, readers in ((1, 2, 2), (4, 6, 3), (6, 4, 2), (5, 3, 3)):
        message = f"read by {readers} of the {world_size} ranks.*multiple of {world_size}"
        with pytest.warns(UserWarning, match=message) as caught:
            loader = make(lanes, world_size)
        assert [Path(one.filename) for one in caught] == [Path(__file__)]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(loader)
            copy.deepcopy(loader)
            pickle.loads(pickle.dumps(loader))
            make(world_size * 2, world_size)


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_resume_at_every_step_goes_on_exactly(lanes: int, shards: hr.Dataset) -> None:
    shuffle = hr.ShardShuffle(window=2, lanes=lanes)
    memory = in_memory(shards)
    with loader_of(shards, shuffle=shuffle) as loader:
        epochs = [rows_of(loader) for _ in range(2)]
    assert epochs[0] != epochs[1]
    for steps in range(len(epochs[0])):
        with loader_of(shards, shuffle=shuffle) as loader:
            for _batch in itertools.islice(loader, steps):
                pass
            state = json.loads(json.dumps(loader.state_dict()))
        assert state["position"] == 10 * steps
        with loader_of(memory, shuffle=shuffle, num_threads=1 + steps % 2) as resumed:
            resumed.load_state_dict(state)
            assert rows_of(resumed) == epochs[0][steps:]
            assert rows_of(resumed) == epochs[1]


@pytest.mark.parametrize(("old", "new"), [(1, 4), (4, 2), (2, 1)])
def test_a_resume_on_another_world_size_reads_each_remaining_row_once(
    old: int, new: int, shards: hr.Dataset
) -> None:
    shuffle = hr.ShardShuffle(window=2, lanes=4)
    seen = Counter[int]()
    for rank in range(old):
        loader = loader_of(shards, shuffle=shuffle, rank=rank, world_size=old, exact=True)
        seen.update(flat(rows_of(itertools.islice(loader, 2))))
        state = loader.state_dict()
    for rank in range(new):
        loader = loader_of(
            shards, shuffle=shuffle, rank=rank, world_size=new, batch_size=7, exact=True
        )
        loader.load_state_dict(state)
        seen.update(flat(rows_of(loader)))
    assert seen == Counter(range(ROWS))


def test_the_state_has_all_that_fixes_the_order(shards: hr.Dataset) -> None:
    state = loader_of(shards, shuffle=hr.ShardShuffle(window=2, lanes=3)).state_dict()
    digest = _core.Units(np.array(unit_sizes(shards), np.uint64)).digest
    assert state["shuffle"] == {
        "kind": "shards",
        "window": 2,
        "lanes": 3,
        "shards_id": f"{digest:016x}",
    }
    for shuffle, message in (
        (hr.ShardShuffle(window=2), r"ShardShuffle\(window=2, lanes=3\).*has .*lanes=1\)"),
        (hr.ShardShuffle(window=3, lanes=3), r"window=2, lanes=3\).*has .*window=3"),
        (hr.BlockShuffle(), r"saved with shuffle=hr\.ShardShuffle.*has shuffle=hr\.BlockShuffle"),
    ):
        with pytest.raises(hr.InvalidError, match=message):
            loader_of(shards, shuffle=shuffle).load_state_dict(state)
    blocks = loader_of(shards, shuffle=hr.BlockShuffle()).state_dict()
    with pytest.raises(hr.InvalidError, match=r"BlockShuffle.*this loader has .*ShardShuffle"):
        loader_of(shards).load_state_dict(blocks)


def test_the_same_rows_in_other_shards_are_another_order(shards: hr.Dataset) -> None:
    state = loader_of(shards).state_dict()
    y = np.asarray(shards["y"][:])
    x = np.asarray(shards["x"][:])
    whole = hr.from_arrays(x=x, y=y)
    same = loader_of(whole).state_dict()["dataset"]
    assert same["id"] in state["dataset"]["id"].split(".")  # the same rows
    with pytest.raises(hr.InvalidError, match=r"over shards of other sizes.*as it was then"):
        loader_of(whole).load_state_dict(state)


@pytest.mark.parametrize("field", ["window", "lanes", "shards_id"])
@pytest.mark.parametrize("value", [None, -1, 3.0, True, "x" * 10**6, [], {}, 2**4000])
def test_hostile_states_are_refused(field: str, value: Any, shards: hr.Dataset) -> None:
    state = loader_of(shards, shuffle=hr.ShardShuffle(window=3, lanes=3)).state_dict()
    hostile = state | {"shuffle": state["shuffle"] | {field: value}}
    with pytest.raises(hr.InvalidError) as caught:
        loader_of(shards, shuffle=hr.ShardShuffle(window=3, lanes=3)).load_state_dict(hostile)
    assert len(str(caught.value)) < 500


def test_a_copy_goes_on_where_the_loader_stands(shards: hr.Dataset) -> None:
    loader = loader_of(shards, shuffle=hr.ShardShuffle(window=2, lanes=2))
    batches = iter(loader)
    next(batches)
    copies = [copy.deepcopy(loader), pickle.loads(pickle.dumps(loader))]
    rest = rows_of(batches)
    for other in copies:
        assert rows_of(other) == rest


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_of_a_dataloader_share_the_epoch(workers: int, shards: hr.Dataset) -> None:
    torch_data = pytest.importorskip("torch.utils.data")
    loader = loader_of(shards, output="torch", shuffle=hr.ShardShuffle(window=2, lanes=2))
    found = torch_data.DataLoader(loader, batch_size=None, num_workers=workers)
    batches = [batch["y"].tolist() for batch in found]
    assert batches == rows_of(loader_of(shards, shuffle=hr.ShardShuffle(window=2, lanes=2)))


@pytest.mark.parametrize("lanes", [1, 2])
def test_each_stage_of_a_dataset_that_grows_has_its_own_shards(
    lanes: int, shards: hr.Dataset
) -> None:
    shuffle, stage_rows = hr.ShardShuffle(window=2, lanes=lanes), 50
    expected = []
    for stage in range(ROWS // stage_rows):
        rows = shards.subset(slice(stage * stage_rows, (stage + 1) * stage_rows))
        with loader_of(rows, shuffle=shuffle) as loader:
            loader.set_epoch(stage)
            expected += rows_of(loader)
    follow = hr.Follow(stage_rows=stage_rows)
    for steps in range(len(expected)):
        loader = loader_of(shards, shuffle=shuffle, follow=follow)
        found = rows_of(itertools.islice(loader, steps))
        state = loader.state_dict()
        assert state["shuffle"] == {"kind": "shards", "window": 2, "lanes": lanes}
        loader = loader_of(shards, shuffle=shuffle, follow=follow)
        loader.load_state_dict(state)
        found += rows_of(itertools.islice(loader, len(expected) - steps))
        assert found == expected
    with pytest.raises(hr.InvalidError, match=r"without follow="):
        loader.load_state_dict(loader_of(shards).state_dict())


def test_rows_that_are_in_no_order_of_files_are_refused(shards: hr.Dataset) -> None:
    for view in (
        shards.subset([5, 4]),
        shards.subset([4, 4]),
        hr.concat([shards, shards.subset([9, 1])]),
    ):
        with pytest.raises(hr.InvalidError, match=r"order of their files.*hr\.BlockShuffle\(\)"):
            loader_of(view)


def test_batches_that_lie_in_no_shards_are_refused(shards: hr.Dataset) -> None:
    message = r"BatchSampler knows only how many rows.*hr\.BlockShuffle"
    with pytest.raises(hr.InvalidError, match=message):
        hr.BatchSampler(10, 2, shuffle=hr.ShardShuffle())
    with pytest.raises(hr.InvalidError, match=r"batch_sampler= lie in none.*hr\.BlockShuffle"):
        hr.Loader(shards, batch_sampler=[[1, 2]], shuffle=hr.ShardShuffle())


def test_windows_and_lanes_that_are_too_many_together_are_refused() -> None:
    parts = hr.from_arrays(y=hr.chunks(list(np.arange(3_000).reshape(1_500, 2))))
    hr.Loader(parts, shuffle=hr.ShardShuffle(window=60_000, lanes=8))  # cut to the shards
    with pytest.raises(hr.InvalidError, match=r"65536 .*window of 1500 in each of 60 lanes"):
        hr.Loader(parts, shuffle=hr.ShardShuffle(window=1_500, lanes=60))


def test_shard_shuffles_are_values() -> None:
    shuffle = hr.ShardShuffle()
    assert (shuffle.window, shuffle.lanes) == (16, 1)
    assert hr.ShardShuffle(lanes=2) == hr.ShardShuffle(window=16, lanes=2)
    assert repr(hr.ShardShuffle(lanes=2)) == "ShardShuffle(window=16, lanes=2)"
    assert len({shuffle, hr.ShardShuffle(window=16)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        shuffle.window = 4  # type: ignore[misc]
    with pytest.raises(hr.InvalidError, match=r"class: call it, hr\.ShardShuffle\(\)"):
        hr.Loader(hr.from_arrays(y=np.arange(3)), shuffle=hr.ShardShuffle)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "4", 65_537, 2**63])
@pytest.mark.parametrize("name", ["window", "lanes"])
def test_sizes_that_cannot_be_right(name: str, value: Any) -> None:
    with pytest.raises(hr.InvalidError, match=name):
        hr.ShardShuffle(**{name: value})


def test_the_reported_entropy_is_the_measured_one() -> None:
    sizes, batch_size = [64, 0, 200, 90, 30] * 16, 32
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    ds = hr.from_arrays(y=hr.chunks(np.split(numbers, np.cumsum(sizes)[:-1])))
    for window, lanes, world_size in ((1, 1, 1), (8, 1, 1), (4, 2, 2), (4, 2, 1)):
        shuffle = hr.ShardShuffle(window=window, lanes=lanes)
        measured = []
        for rank in range(world_size):
            with hr.Loader(
                *(ds,),
                batch_size=batch_size,
                shuffle=shuffle,
                output="numpy",
                drop_last=True,
                rank=rank,
                world_size=world_size,
            ) as loader:
                for batch in loader:
                    shares = np.array(list(Counter(batch["y"].tolist()).values())) / batch_size
                    measured.append(-float((shares * np.log2(shares)).sum()))
        reported = shuffle.entropy(shard_rows=sizes, batch_size=batch_size, world_size=world_size)
        assert math.isclose(float(np.mean(measured)), reported, rel_tol=0.05, abs_tol=0.05)


@pytest.mark.parametrize(
    "shard_rows", [[], [0, 0], [-1, 5], [1.5], [[1, 2]], "12", 5, None, [True], [2**63, 2**63]]
)
def test_sizes_of_shards_that_cannot_be_right(shard_rows: Any) -> None:
    with pytest.raises(hr.InvalidError):
        hr.ShardShuffle().entropy(shard_rows=shard_rows, batch_size=1)


def test_an_entropy_needs_a_batch() -> None:
    with pytest.raises(hr.InvalidError, match="batch"):
        hr.ShardShuffle().entropy(shard_rows=[5, 6], batch_size=12)

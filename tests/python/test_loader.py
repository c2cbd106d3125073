from __future__ import annotations

import itertools
import re
import subprocess
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr

Numbered = Callable[[int], hr.Dataset]
RowNumbers = Callable[[Any], list[list[int]]]
RunScript = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("shuffle", [False, True, hr.BlockShuffle(block_rows=4, window=3)])
@pytest.mark.parametrize("rows", [1, 7, 64, 101])
@pytest.mark.parametrize("batch_size", [1, 8, 200])
def test_an_epoch_has_every_row_once(
    shuffle: Any, rows: int, batch_size: int, numbered: Numbered, row_numbers: RowNumbers
) -> None:
    with hr.Loader(numbered(rows), batch_size=batch_size, shuffle=shuffle) as loader:
        batches = row_numbers(loader)
        assert len(batches) == len(loader)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert sorted(itertools.chain.from_iterable(batches)) == list(range(rows))


def test_sequential_order_is_the_datasets(numbered: Numbered, row_numbers: RowNumbers) -> None:
    with hr.Loader(numbered(5), batch_size=2) as loader:
        assert row_numbers(loader) == [[0, 1], [2, 3], [4]]


def test_drop_last_leaves_out_the_short_batch(numbered: Numbered, row_numbers: RowNumbers) -> None:
    with hr.Loader(numbered(10), batch_size=4, drop_last=True) as loader:
        assert row_numbers(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
        assert len(loader) == 2


def test_epochs_and_seeds_give_other_orders(numbered: Numbered, row_numbers: RowNumbers) -> None:
    orders = []
    for seed in (0, 1, 2**64 - 1):
        with hr.Loader(numbered(50), batch_size=50, shuffle=True, seed=seed) as loader:
            orders += [tuple(row_numbers(loader)[0]) for _ in range(3)]
    assert len(set(orders)) == 9


def test_batches_are_tuples_or_dicts_as_rows_are() -> None:
    (batch,) = hr.Loader(hr.from_arrays(np.zeros((4, 2)), np.arange(4)), batch_size=4)
    assert isinstance(batch, tuple)
    assert (batch[0].shape, batch[1].tolist()) == ((4, 2), [0, 1, 2, 3])
    (batch,) = hr.Loader(hr.from_arrays(x=np.zeros((4, 2)), y=np.arange(4)), batch_size=4)
    assert list(batch) == ["x", "y"]


def test_output_says_what_batches_are_made_of(numbered: Numbered) -> None:
    ds = numbered(4)
    assert isinstance(next(iter(hr.Loader(ds)))["x"], torch.Tensor)
    array = next(iter(hr.Loader(ds, output="numpy")))["x"]
    assert isinstance(array, np.ndarray)
    assert array.flags.writeable
    assert hasattr(next(iter(hr.Loader(ds, output="dlpack")))["x"], "__dlpack__")


@pytest.mark.parametrize("output", ["torch", "numpy"])
def test_batches_that_are_kept_never_change(output: Any, numbered: Numbered) -> None:
    with hr.Loader(numbered(500), batch_size=5, shuffle=True, output=output) as loader:
        kept = list(loader)
    rows = np.concatenate([np.asarray(batch["y"]) for batch in kept])
    assert sorted(rows.tolist()) == list(range(500))


def test_batches_may_be_written_without_harm(
    arrays: Callable[[int], dict[str, Any]], row_numbers: RowNumbers
) -> None:
    columns = arrays(100)
    with hr.Loader(hr.from_arrays(**columns), batch_size=10) as loader:
        for batch in loader:
            batch["x"].zero_()
            batch["y"].fill_(-1)
        assert list(itertools.chain.from_iterable(row_numbers(loader))) == list(range(100))
    assert columns["y"].tolist() == list(range(100))


def test_a_column_outlives_batch_loader_and_dataset() -> None:
    loader = hr.Loader(hr.from_arrays(x=np.arange(1000), y=np.arange(1000)), batch_size=1000)
    y = next(iter(loader))["y"]
    loader.close()
    del loader
    assert y.tolist() == list(range(1000))


def test_stats_count_what_was_handed_out(numbered: Numbered) -> None:
    with hr.Loader(numbered(10), batch_size=4, num_threads=1, prefetch=2) as loader:
        assert loader.stats()["rows"] == 0
        list(loader)
        next(iter(loader))
        stats = loader.stats()
    assert (stats["rows"], stats["batches"], stats["passes"]) == (14, 4, 2)
    assert stats["bytes"] == 14 * (12 + 8)
    assert (stats["padding"], stats["num_threads"], stats["prefetch"]) == (0, 1, 2)
    assert {"consumer_wait_s", "worker_wait_s", "queue_depth"} <= stats.keys()


def test_repr_says_what_it_does(numbered: Numbered) -> None:
    loader = hr.Loader(numbered(10), batch_size=4, shuffle=hr.BlockShuffle(), seed=7)
    text = repr(loader)
    for part in ("batch_size=4", "BlockShuffle(block_rows=256, window=256)", "seed=7", "batches=3"):
        assert part in text
    batches = iter(loader)
    assert repr(batches) == "<headrace iterator of epoch 0, at row 0>"
    next(batches)
    loader.close()
    assert repr(batches) == "<headrace iterator of epoch 0, closed>"
    assert "epoch=1" in repr(loader)


@pytest.mark.parametrize("dtype", ["uint16", "uint32", "uint64"])
def test_one_warning_names_cast_where_torch_can_do_little(dtype: str) -> None:
    ds = hr.from_arrays(x=np.zeros(4), y=np.arange(4).astype(dtype), z=np.arange(4).astype(dtype))
    with pytest.warns(UserWarning, match=rf"{dtype} .*ds\.cast\(.*'y': .*'z': ") as caught:
        loader = hr.Loader(ds, batch_size=2)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # it points at the user's line
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(loader)) == len(list(loader)) == 2
        hr.Loader(ds, output="numpy")
        hr.Loader(ds.cast("int64"))


def test_a_dataset_of_another_library_is_told_what_to_make() -> None:
    other = torch.utils.data.TensorDataset(torch.zeros(3))
    with pytest.raises(
        hr.InvalidError,
        match=r"TensorDataset.*hr\.from_arrays.*hr\.memmap.*hr\.open.*hr\.from_items.*BatchSampler",
    ):
        hr.Loader(other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("num_workers", 8, "num_workers=8: headrace uses threads; drop it or use num_threads"),
        ("collate_fn", len, "transform="),
        ("sampler", [0], "subset"),
        ("pin_memory", True, "drop it"),
        ("pin_memory_device", "cuda", "drop it"),
        ("timeout", 3, "drop it"),
        ("worker_init_fn", len, "drop it"),
        ("persistent_workers", True, "drop it"),
        ("prefetch_factor", 2, "prefetch="),
        ("generator", None, "seed="),
        ("multiprocessing_context", "spawn", "drop it"),
        ("in_order", False, "in order"),
    ],
)
def test_arguments_of_torchs_dataloader_are_answered(
    name: str, value: object, advice: str, numbered: Numbered
) -> None:
    with pytest.raises(hr.UnsupportedError, match=re.escape(advice)):
        hr.Loader(numbered(4), **{name: value})  # type: ignore[arg-type]


def test_every_argument_of_torchs_dataloader_is_known_or_answered(numbered: Numbered) -> None:
    code = torch.utils.data.DataLoader.__init__.__code__
    names = code.co_varnames[2 : code.co_argcount + code.co_kwonlyargcount]
    assert "num_workers" in names
    for name in set(names) - {"batch_size", "shuffle", "drop_last", "batch_sampler"}:
        with pytest.raises(hr.UnsupportedError, match=f"{name}="):
            hr.Loader(numbered(4), **{name: None})  # type: ignore[arg-type]


def test_an_unknown_argument_gets_the_nearest_name(numbered: Numbered) -> None:
    with pytest.raises(
        hr.InvalidError, match=r"no argument batchsize=; did you mean batch_size=\?"
    ):
        hr.Loader(numbered(4), batchsize=2)
    with pytest.raises(hr.InvalidError, match="no argument zzz=; the arguments are batch_size, "):
        hr.Loader(numbered(4), zzz=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must lie between 1 and .* not 0"),
        ({"batch_size": -1}, "batch_size"),
        ({"batch_size": True}, "batch_size must be an int, not True"),
        ({"batch_size": 2.0}, "batch_size must be an int, not 2.0"),
        ({"batch_size": None}, "batch_size must be an int"),
        ({"batch_size": 2**40}, "batch_size"),
        ({"batch_size": 11, "drop_last": True}, "no batch: .*11 is more than the 10 rows"),
        (
            {"batch_size": 3, "drop_last": True, "rank": 0, "world_size": 4},
            "3 x world_size 4 = 12 is more than the 10 rows",
        ),
        ({"drop_last": True, "exact": True}, "contradict"),
        ({"drop_last": 1}, "drop_last is True or False"),
        ({"exact": "yes"}, "exact is True or False"),
        ({"shuffle": "blocks"}, r"hr\.BlockShuffle"),
        ({"shuffle": hr.BlockShuffle}, r"hr\.BlockShuffle\(\)"),
        ({"shuffle": None}, "shuffle=None"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, r"seed must lie between 0 and 2\*\*64 - 1"),
        ({"seed": 1.5}, "seed must be an int"),
        ({"num_threads": 0}, "num_threads must lie between 1.*None lets headrace choose"),
        ({"num_threads": True}, "num_threads must be an int"),
        ({"prefetch": 0}, "prefetch must lie between 1"),
        ({"output": "jax"}, 'outputs are "torch", "numpy" and "dlpack"'),
        ({"output": ["torch"]}, "outputs are"),
    ],
    ids=str,
)
def test_arguments_that_cannot_be_right(
    arguments: dict[str, Any], message: str, numbered: Numbered
) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.Loader(numbered(10), **arguments)


def test_numpy_scalars_are_numbers(numbered: Numbered) -> None:
    loader = hr.Loader(numbered(10), batch_size=np.int32(4), seed=np.uint64(3), shuffle=np.True_)  # type: ignore[arg-type]
    assert len(loader) == 3
    assert type(loader.state_dict()["seed"]) is int


def test_bfloat16_needs_torch_or_a_cast() -> None:
    ds = hr.from_arrays(x=torch.ones(4, 2, dtype=torch.bfloat16))
    with pytest.raises(hr.UnsupportedError, match=r'output="torch".*cast'):
        hr.Loader(ds, output="numpy")
    (batch,) = hr.Loader(ds.cast(x="float32"), batch_size=4, output="numpy")
    assert batch["x"].tolist() == [[1.0, 1.0]] * 4


def test_without_torch_the_error_says_how_to_go_on(run_script: RunScript) -> None:
    done = run_script(
        """
        import sys
        sys.modules["torch"] = None  # as if it were not installed
        import numpy as np
        import headrace as hr
        ds = hr.from_arrays(np.arange(4))
        try:
            hr.Loader(ds)
        except hr.MissingDependencyError as error:
            assert isinstance(error, ImportError)
            print(error)
        assert [batch[0][0] for batch in hr.Loader(ds, output="numpy")] == [0, 1, 2, 3]
        """
    )
    assert done.returncode == 0, done.stderr
    assert "pip install torch" in done.stdout
    assert 'output="numpy"' in done.stdout

"""Files that are cut, replaced or removed in an epoch: right rows, or an error that names it."""

from __future__ import annotations

import os
import subprocess
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

VALUES = 1024  # int32, a row: 4 KiB
ROWS = 500  # of each file
FILES = 4
MakeCold = Callable[[Iterable[Path]], None]
RunScript = Callable[..., "subprocess.CompletedProcess[str]"]

IO = pytest.mark.parametrize("io", ["mmap", "pread"])
COLD = pytest.mark.parametrize("cold", [False, True], ids=["warm", "cold"])
SHUFFLE = pytest.mark.parametrize(
    "shuffle", [False, True, hr.BlockShuffle(block_rows=50, window=4)], ids=str
)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    rows = np.repeat(np.arange(FILES * ROWS, dtype=np.int32), VALUES).reshape(-1, VALUES)
    made = [tmp_path / f"{k}.bin" for k in range(FILES)]
    for path, part in zip(made, np.split(rows, FILES), strict=True):
        part.tofile(path)
    return made


def open_files(paths: list[Path], io: Any) -> hr.Dataset:
    return hr.memmap({"x": paths}, dtype="int32", row_shape=VALUES, io=io)


def cut(path: Path) -> None:
    os.truncate(path, 4 * VALUES * (ROWS // 3))


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    np.full((ROWS, VALUES), -1, np.int32).tofile(other)
    os.replace(other, path)


def replace_by_a_shorter_one(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(bytes(16))
    os.replace(other, path)


def remove(path: Path) -> None:
    path.unlink()


def cut_and_grow(path: Path) -> None:
    os.truncate(path, 0)
    os.truncate(path, 4 * VALUES * ROWS)  # of zeros


CHANGE = pytest.mark.parametrize("change", [cut, replace, replace_by_a_shorter_one, remove])


def rows_of(batch: dict[str, np.ndarray[Any, Any]]) -> list[int]:
    values = batch["x"]
    assert (values == values[:, :1]).all(), "a row is of one number"
    return list(map(int, values[:, 0]))


def check_error(error: hr.HeadraceError, path: Path) -> None:
    assert error.file == str(path)
    assert str(path) in str(error)
    assert isinstance(error, (hr.TruncatedError, hr.CorruptError, hr.NotFoundError))


def read_on(batches: Iterable[Any], path: Path) -> tuple[list[int], hr.HeadraceError | None]:
    """Returns the rows up to the end or the error of the pass."""
    rows: list[int] = []
    try:
        for batch in batches:
            rows += rows_of(batch)
    except hr.HeadraceError as error:
        check_error(error, path)
        return rows, error
    return rows, None


@IO
@COLD
@SHUFFLE
@CHANGE
def test_a_pass_gives_right_rows_or_an_error(
    change: Callable[[Path], None],
    shuffle: Any,
    cold: bool,
    io: str,
    paths: list[Path],
    make_cold: MakeCold,
) -> None:
    if cold:
        make_cold(paths)
    expected = list(range(FILES * ROWS))
    if shuffle is not False:
        memory = hr.from_arrays(x=np.repeat(np.arange(FILES * ROWS, dtype=np.int32), 1))
        with hr.Loader(memory, shuffle=shuffle, batch_size=64, output="numpy") as loader:
            expected = np.concatenate([batch["x"] for batch in loader]).tolist()
    loader = hr.Loader(
        open_files(paths, io), shuffle=shuffle, batch_size=16, prefetch=2, output="numpy"
    )
    batches = iter(loader)
    first = rows_of(next(batches))
    change(paths[2])
    rest, error = read_on(batches, paths[2])
    got = first + rest
    assert got == expected[: len(got)]
    if change is cut:
        assert isinstance(error, hr.TruncatedError)  # both ways look at what is read
    if error is None:
        assert len(got) == FILES * ROWS
    else:
        assert len(got) < FILES * ROWS
    loader.close()


@IO
@CHANGE
def test_a_file_that_changes_before_its_first_row_is_an_error(
    change: Callable[[Path], None], io: str, paths: list[Path]
) -> None:
    with hr.Loader(open_files(paths, io), batch_size=16, prefetch=1, output="numpy") as loader:
        loader.set_epoch(1)
        change(paths[2])
        rows, error = read_on(loader, paths[2])
    assert error is not None
    assert len(rows) in range(2 * ROWS - 16, 3 * ROWS)
    assert rows == list(range(len(rows)))


@IO
@COLD
@pytest.mark.parametrize(
    "read",
    [
        lambda ds: ds[2 * ROWS + 400],
        lambda ds: ds[2 * ROWS - 3 : 2 * ROWS + 400],
        lambda ds: ds[[0, 2 * ROWS + 400]],
        lambda ds: ds["x"][2 * ROWS + 400],
        lambda ds: np.asarray(ds["x"]),
        lambda ds: ds.subset([2 * ROWS + 400])[0],
        lambda ds: ds.cast(x="float32")[2 * ROWS + 400],
        lambda ds: hr.windows(ds, length=3, stride=1)[2 * ROWS + 400],
        lambda ds: ds.filter(lambda batch: batch["x"][:, 0] >= 0),
        lambda ds: hr.Loader(ds.subset([2 * ROWS + 400]), output="numpy").peek(),
        lambda ds: hr.Loader(ds, batch_sampler=[[2 * ROWS + 400]], output="numpy").peek(),
        lambda ds: list(hr.Loader(ds, batch_sampler=[[2 * ROWS + 400]], output="numpy")),
    ],
    ids=[
        *("row", "slice", "list", "column", "array", "subset", "cast", "windows", "filter"),
        *("peek", "listed peek", "listed"),
    ],
)
def test_a_cut_is_named_wherever_rows_are_read(
    read: Callable[[hr.Dataset], Any],
    cold: bool,
    io: str,
    paths: list[Path],
    make_cold: MakeCold,
) -> None:
    ds = open_files(paths, io)
    assert ds[2 * ROWS]["x"][0] == 2 * ROWS
    cut(paths[2])
    if cold:
        make_cold(paths[:2] + paths[3:])  # the map holds pages of the other one
    with pytest.raises(hr.TruncatedError) as caught:
        read(ds)
    check_error(caught.value, paths[2])


@IO
def test_a_transform_in_threads_sees_no_batch_after_the_error(io: str, paths: list[Path]) -> None:
    seen: list[int] = []

    def look(batch: Any) -> Any:
        seen.extend(rows_of(batch))
        return batch

    loader = hr.Loader(
        open_files(paths, io), batch_size=16, transform=look, transform_threads=2, output="numpy"
    )
    cut(paths[2])
    rows, error = read_on(loader, paths[2])
    assert isinstance(error, hr.TruncatedError)
    assert rows == list(range(len(rows)))
    assert sorted(seen) == list(range(len(seen)))
    loader.close()


@pytest.mark.parametrize("change", [cut, remove, replace, cut_and_grow])
@IO
def test_a_process_survives_what_happens_to_a_file_that_eight_threads_read(
    change: Callable[[Path], None], io: str, paths: list[Path], run_script: RunScript
) -> None:
    # Of its own: what goes wrong would end or hang the process.
    done = run_script(
        textwrap.dedent(
            f"""
            import signal, threading
            import numpy as np, headrace as hr
            from pathlib import Path
            from test_files_that_change import {change.__name__}, open_files

            paths = [Path(path) for path in {list(map(str, paths))!r}]
            ds = open_files(paths, {io!r})
            errors, started = [], threading.Barrier(9)

            def work(seed):
                rng = np.random.default_rng(seed)
                with hr.Loader(ds, batch_size=32, shuffle=True, seed=seed, output="numpy") as own:
                    own.peek()
                    started.wait()
                    try:
                        for k in range(12):
                            ds[int(rng.integers(len(ds)))], ds[950:1300], ds[[0, 1400, 7]]
                        for batch in own:
                            pass
                    except hr.HeadraceError as error:
                        errors.append(error)

            threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
            for thread in threads:
                thread.start()
            started.wait()
            {change.__name__}(paths[2])
            for thread in threads:
                thread.join()
            assert all(error.file == str(paths[2]) for error in errors), errors
            print(len(errors))
            """
        ),
        PYTHONPATH=str(Path(__file__).parent),
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    if change is cut:
        assert done.stdout == "8\n"

"""Files that are damaged while they are read: the error names the file, and the process lives."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

ROW = 1024  # float32 values: 4 KiB
ROWS = 2048


@pytest.fixture
def path(tmp_path: Path) -> Path:
    values = np.repeat(np.arange(ROWS, dtype=np.float32), ROW)
    values.tofile(tmp_path / "x.bin")
    return tmp_path / "x.bin"


def open_file(path: Path) -> hr.Dataset:
    return hr.memmap({"x": [path]}, dtype="float32", row_shape=ROW)


def check_names(error: hr.HeadraceError, path: Path) -> None:
    assert str(path) in str(error)
    assert error.file == str(path)


@pytest.mark.parametrize(
    "read",
    [
        lambda ds: ds[ROWS - 1],
        lambda ds: ds[ROWS - 100 :],
        lambda ds: ds[[0, ROWS - 1]],
        lambda ds: ds["x"][ROWS - 1],
        lambda ds: np.asarray(ds["x"]),
        lambda ds: list(hr.Loader(ds, batch_size=64, shuffle=True, output="numpy")),
    ],
    ids=["row", "slice", "list", "column", "array", "loader"],
)
def test_a_truncated_file_is_an_error_wherever_it_is_read(
    read: Callable[[hr.Dataset], Any], path: Path
) -> None:
    ds = open_file(path)
    assert ds[ROWS - 1]["x"][0] == ROWS - 1  # it is mapped
    os.truncate(path, 4 * ROW * (ROWS // 2))
    with pytest.raises(hr.TruncatedError) as caught:
        read(ds)
    check_names(caught.value, path)


@pytest.mark.parametrize(
    "read",
    [
        lambda ds: ds[2],
        lambda ds: ds[:3],
        lambda ds: ds["x"][2],
        lambda ds: hr.Loader(ds, batch_size=3, output="numpy").peek(),
        lambda ds: list(hr.Loader(ds, batch_size=3, output="numpy")),
    ],
    ids=["row", "slice", "column", "peek", "loader"],
)
def test_a_cut_inside_a_page_is_found_though_its_missing_bytes_read_as_zeros(
    read: Callable[[hr.Dataset], Any], tmp_path: Path
) -> None:
    path = tmp_path / "x.bin"
    np.arange(1, 4, dtype=np.float32).tofile(path)
    ds = hr.memmap({"x": [path]}, dtype="float32")
    assert ds[2]["x"] == 3  # it is mapped
    os.truncate(path, 9)
    with pytest.raises(hr.TruncatedError) as caught:
        read(ds)
    check_names(caught.value, path)


def test_a_file_truncated_within_a_pass_ends_it_at_the_batch_that_is_lost(path: Path) -> None:
    ds = open_file(path)
    loader = hr.Loader(ds, batch_size=16, num_threads=1, prefetch=2, output="numpy")
    batches = iter(loader)
    got = [next(batches)]
    os.truncate(path, 4 * ROW * (ROWS // 2))
    with pytest.raises(hr.TruncatedError) as caught:  # noqa: PT012
        for batch in batches:
            got.append(batch)
    check_names(caught.value, path)
    rows = [int(row) for batch in got for row in batch["x"][:, 0]]
    assert rows == list(range(ROWS // 2))  # nothing is lost, repeated or wrong before it
    state = loader.state_dict()
    assert (state["epoch"], state["position"]) == (0, ROWS // 2)
    with pytest.raises((StopIteration, hr.HeadraceError)):
        next(batches)
    assert next(iter(loader))["x"][0, 0] == 0  # the next pass starts
    loader.close()


def test_an_error_is_raised_once_per_pass_and_again_in_the_next(path: Path) -> None:
    with hr.Loader(open_file(path), batch_size=64, shuffle=True, output="numpy") as loader:
        list(loader)
        os.truncate(path, 4 * ROW)
        for epoch in range(1, 4):
            with pytest.raises(hr.TruncatedError):
                list(loader)
            assert loader.state_dict()["epoch"] == epoch


def test_a_file_deleted_before_it_is_first_read_is_named(path: Path) -> None:
    ds = open_file(path)
    path.unlink()
    with pytest.raises(hr.NotFoundError) as caught:
        ds[0]
    check_names(caught.value, path)
    with pytest.raises(hr.NotFoundError):
        list(hr.Loader(ds, output="numpy"))


def test_a_file_deleted_while_it_is_read_stays_readable(path: Path) -> None:
    ds = open_file(path)
    assert ds[0]["x"][0] == 0
    path.unlink()
    with hr.Loader(ds, batch_size=256, shuffle=True, output="numpy") as loader:
        rows = np.concatenate([batch["x"][:, 0] for batch in loader])
    assert sorted(rows.tolist()) == list(range(ROWS))


def test_a_file_replaced_by_a_shorter_one_before_it_is_read_is_named(path: Path) -> None:
    ds = open_file(path)
    path.unlink()
    path.write_bytes(bytes(4 * ROW))
    with pytest.raises(hr.HeadraceError) as caught:
        ds[ROWS - 1]
    check_names(caught.value, path)


def test_a_dataset_that_cannot_be_read_has_no_state(path: Path) -> None:
    loader = hr.Loader(open_file(path), batch_size=64, output="numpy")
    path.unlink()
    with pytest.raises(hr.NotFoundError):  # from the batch, in its place
        next(iter(loader))
    with pytest.raises(hr.NotFoundError) as caught:  # no content, so no content id
        loader.state_dict()
    check_names(caught.value, path)


def test_no_state_is_saved_over_a_file_that_was_cut(path: Path) -> None:
    loader = hr.Loader(open_file(path), batch_size=16, num_threads=1, prefetch=2, output="numpy")
    batches = iter(loader)
    next(batches)
    good = loader.state_dict()
    os.truncate(path, 4 * ROW * ROWS - 4)  # inside a page of the last row: no signal
    with pytest.raises(hr.TruncatedError) as caught:
        loader.state_dict()
    check_names(caught.value, path)
    assert good["position"] == 16


def test_a_file_that_was_replaced_before_its_first_read_is_refused(path: Path) -> None:
    ds = open_file(path)
    other = path.with_suffix(".new")
    np.zeros(ROW * ROWS, dtype=np.float32).tofile(other)
    os.replace(other, path)
    with pytest.raises(hr.CorruptError, match="replaced") as caught:
        ds[0]
    check_names(caught.value, path)


def test_a_file_that_was_replaced_after_its_first_read_stays_as_it_was(path: Path) -> None:
    ds = open_file(path)
    assert ds[5]["x"][0] == 5
    other = path.with_suffix(".new")
    np.zeros(ROW * ROWS, dtype=np.float32).tofile(other)
    os.replace(other, path)
    assert ds[6]["x"][0] == 6

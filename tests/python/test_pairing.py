from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

import headrace as hr


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(folder: str, **files: list[int]) -> None:
    for name, values in files.items():
        path = Path(folder, name.replace("__", "."))
        path.parent.mkdir(exist_ok=True)
        np.asarray(values, "int64").tofile(path)


def pairs(ds: hr.Dataset) -> list[tuple[int, int]]:
    batch = ds[:]
    return list(zip(batch["x"].tolist(), batch["y"].tolist(), strict=True))


def test_globs_are_paired_by_stem_and_not_by_order() -> None:
    write("x", a__xs=[1, 2], b__xs=[3])
    write("y", b__ys=[30], a__10=[10, 20])
    ds = hr.memmap({"x": "x/*", "y": "y/*"}, dtype="int64")
    assert pairs(ds) == [(1, 10), (2, 20), (3, 30)]


def test_globs_whose_sorted_orders_differ_are_paired_by_stem() -> None:
    write("x", **{"a__x": [1], "a-b__x": [2]})  # sorted: a-b.x, a.x
    write("y", **{"a": [10], "a-b": [20]})  # sorted: a, a-b
    ds = hr.memmap({"x": "x/*", "y": "y/*"}, dtype="int64")
    assert sorted(pairs(ds)) == [(1, 10), (2, 20)]


def test_lists_are_paired_by_position() -> None:
    write("x", a=[1, 2], b=[3])
    write("y", a=[30], b=[10, 20])
    ds = hr.memmap({"x": ["x/a", "x/b"], "y": ["y/b", "y/a"]}, dtype="int64")
    assert pairs(ds) == [(1, 10), (2, 20), (3, 30)]


def test_single_paths_are_lists_of_one() -> None:
    write("d", features=[1, 2], targets=[10, 20])
    assert pairs(hr.memmap({"x": "d/features", "y": ["d/targets"]}, dtype="int64")) == [
        (1, 10),
        (2, 20),
    ]


def test_unrelated_names_are_never_paired_by_sorting() -> None:
    for folder in ("features", "targets"):
        for _ in range(3):
            write(folder, **{f"{uuid.uuid4()}__memmap": [1, 2]})
    with pytest.raises(hr.InvalidError) as caught:
        hr.memmap({"x": "features/*.memmap", "y": "targets/*.memmap"}, dtype="int64")
    message = str(caught.value)
    assert "sorted order would join features with foreign targets" in message
    assert "pass two lists of paths in matching order" in message
    for folder in ("features", "targets"):  # an example of each side
        assert any(path.name in message for path in Path(folder).iterdir())


def test_a_file_without_a_partner_is_named() -> None:
    write("x", a=[1], b=[2], c=[3])
    write("y", a=[1], c=[3])
    with pytest.raises(hr.InvalidError, match="1 of 'x' have no partner, for example 'b'"):
        hr.memmap({"x": "x/*", "y": "y/*"}, dtype="int64")


def test_a_stem_that_comes_twice_is_refused() -> None:
    write("x", a__1=[1], a__2=[2])
    write("y", a__1=[1], b__1=[2])
    with pytest.raises(hr.InvalidError, match="same stem 'a'"):
        hr.memmap({"x": "x/*", "y": "y/*"}, dtype="int64")
    assert len(hr.memmap("x/*", dtype="int64")) == 2  # one column has nothing to pair


def test_globs_and_lists_are_not_mixed() -> None:
    write("x", a=[1], b=[2])
    with pytest.raises(hr.InvalidError, match="'x' is a glob and column 'y' is a list"):
        hr.memmap({"x": "x/*", "y": ["x/a", "x/b"]}, dtype="int64")
    with pytest.raises(hr.InvalidError, match=r"a glob; a list holds paths"):
        hr.memmap({"x": ["x/*"]}, dtype="int64")


def test_lists_need_equally_many_files() -> None:
    write("x", a=[1], b=[2])
    with pytest.raises(hr.InvalidError, match="'x' has 2 files and column 'y' has 1"):
        hr.memmap({"x": ["x/a", "x/b"], "y": ["x/a"]}, dtype="int64")


def test_paired_files_need_equally_many_rows() -> None:
    write("x", a=[1, 2], b=[3])
    write("y", a=[1], b=[2, 3])  # totals agree, files do not
    with pytest.raises(hr.InvalidError, match=r"2.*1|1.*2") as caught:
        hr.memmap({"x": "x/*", "y": "y/*"}, dtype="int64")
    assert "y/a" in str(caught.value)


@pytest.mark.parametrize(
    "columns", [{}, (), 3, {"x": 3}, {"x": [3]}, {1: "a"}, {"x": b"a"}, [["a"], ["b"]]]
)
def test_other_descriptions_of_files_are_refused(columns: object) -> None:
    with pytest.raises(hr.InvalidError):
        hr.memmap(columns, dtype="int64")  # type: ignore[arg-type]


def test_a_file_that_belongs_to_no_column_is_not_said_to() -> None:
    with pytest.raises(hr.NotFoundError, match=r"^'nowhere' does not exist"):
        hr.open("nowhere")
    with pytest.raises(hr.NotFoundError, match=r"^column 'x': 'nowhere' does not exist"):
        hr.open({"x": "nowhere"})

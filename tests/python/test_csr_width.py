"""How wide rows of csr are: what does not fit is refused with the row, and with what to declare."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr

sparse = pytest.importorskip("scipy.sparse")
pa = pytest.importorskip("pyarrow")


def with_entry(row: int, index: int, width: int) -> Any:
    """Returns three rows with one entry."""
    return sparse.csr_array(([1.0], ([row], [index])), shape=(3, width))


def with_index(index: int) -> Any:
    """Returns three rows, three wide, whose row 1 has an index that scipy did not check."""
    matrix = with_entry(1, 2, 3)
    matrix.indices[0] = index
    return matrix


def arrow_rows(metadata: dict[str, str] | None) -> Any:
    """Returns a table of two rows with the indices 1 and 5."""
    item = pa.struct([pa.field("indices", pa.int32(), False), pa.field("values", pa.int8(), False)])
    kind = pa.large_list(pa.field("item", item, False))
    rows = pa.array([[{"indices": 1, "values": 1}], [{"indices": 5, "values": 1}]], kind)
    return pa.table([rows], pa.schema([pa.field("w", kind, False, metadata)]))


@pytest.mark.parametrize(
    ("declared", "value", "message"),
    [
        ({"width": 3}, with_entry(1, 5, 6), r"3 wide, and row 1 .*index 5.*'width': 6"),
        ({"width": 2**17, "index_dtype": "uint16"}, with_entry(0, 1, 3), "1 to 65536 wide.*wider"),
        ({"width": 0}, with_entry(0, 1, 3), "width of column 'w' must lie between 1"),
        ({"width": 4}, np.zeros((3, 4)), r"has a width, and the first batch has float64\[4\]"),
        ({"kind": "csr"}, np.zeros((3, 4)), r"is csr or has a width.*scipy"),
        ({"index_dtype": "uint8"}, with_entry(0, 1, 3), "uint16, int32 or int64, not uint8"),
        (
            {"index_dtype": "uint16"},
            with_entry(2, 70_000, 70_001),
            "uint16 indices, and row 2 .*index 70000.*'index_dtype': 'int64'",
        ),
        ({"index_dtype": "uint16"}, with_index(-1), "row 1 .*index -1 is negative"),
        ({"binary": True}, 2 * with_entry(0, 1, 3), "other than 1.*'binary': False"),
        ({}, with_index(-1), r"row 1 .*index -1 lies outside the width 3 \(0 to 2\); correct it"),
        ({}, with_index(7), r"row 1 .*index 7 lies outside the width 3 .*columns="),
        ({}, sparse.csr_array((3, 0)), r"shape \(3, 0\).*give it the shape"),
    ],
)
def test_what_does_not_fit_is_refused(
    declared: dict[str, Any], value: Any, message: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(hr.InvalidError, match=message),
        hr.Writer(tmp_path / "d", columns={"w": declared}) as writer,
    ):
        writer.write(w=value)
    assert not (tmp_path / "d" / "latest").exists()


def test_a_dataset_stays_as_wide_as_it_was_made(tmp_path: Path) -> None:
    with hr.Writer(tmp_path) as writer:
        writer.write(w=with_entry(1, 2, 3))
    with (
        pytest.raises(hr.InvalidError, match="keeps what it is made with") as caught,
        hr.Writer(tmp_path) as writer,
    ):
        writer.write(w=with_entry(2, 8, 9))
    assert (caught.value.column, caught.value.row) == ("w", 2)
    assert "columns={'w': {'width': 9}}" in str(caught.value)
    assert """--columns '{"w": {"width": 9}}'""" in caught.value.for_shell()
    with pytest.raises(hr.InvalidError, match=r"csr_array\(x\)"), hr.Writer(tmp_path) as writer:
        writer.write(w=np.zeros((3, 3)))


def wider_each_time(width: int) -> dict[str, Any]:
    return {"w": sparse.csr_array(([1.0], ([0], [width - 1])), shape=(1, width))}


@pytest.mark.parametrize("shard_bytes", [1, 2**20])
@pytest.mark.parametrize("workers", [0, 2])
def test_the_width_of_a_conversion_does_not_depend_on_its_commits(
    workers: int, shard_bytes: int, tmp_path: Path
) -> None:
    def convert(where: str, **columns: Any) -> Any:
        with ThreadPoolExecutor(2) as pool:
            return hr.convert(
                [100, 50, 200],
                tmp_path / where,
                transform=wider_each_time,
                executor=pool if workers else None,
                shard_bytes=shard_bytes,
                progress=False,
                **columns,
            )

    with pytest.raises(hr.InvalidError, match=r"'w' is 100 wide.*index 199.*'width': 200"):
        convert("refused")
    assert convert("wide", columns={"w": {"width": 200}}).schema["w"].width == 200


def test_arrow_rows_are_as_wide_as_their_metadata_say(tmp_path: Path) -> None:
    for width, metadata in {6: None, 9: {"headrace.columns": "9"}}.items():
        with hr.Writer(tmp_path / str(width)) as writer:
            writer.write(arrow_rows(metadata))
        assert hr.open(tmp_path / str(width)).schema["w"].width == width
    with hr.Writer(tmp_path / "refused") as writer:
        for wrong in ("x", "0", "-1", "9" * 30):
            with pytest.raises(
                hr.InvalidError, match=r"\(headrace\.columns\).* its indices need 6"
            ):
                writer.write(arrow_rows({"headrace.columns": wrong}))
        with pytest.raises(hr.InvalidError, match=r"row 1 .*index 5 lies outside the width 3"):
            writer.write(arrow_rows({"headrace.columns": "3"}))


def test_a_file_of_others_without_a_width_says_what_is_missing(tmp_path: Path) -> None:
    path = str(tmp_path / "a.arrow")
    for metadata, kind, message in (
        (None, hr.UnsupportedError, r"without a width \(headrace\.columns.*headrace convert"),
        ({"headrace.columns": "3"}, hr.CorruptError, r"row 1 .*index 5, outside its width 3"),
    ):
        table = arrow_rows(metadata)
        with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)
        with pytest.raises(kind, match=message):
            hr.open(path)[0:2]
    hr.convert(path, tmp_path / "out", columns={"w": {"width": 30}}, progress=False)
    assert hr.open(tmp_path / "out").schema["w"].width == 30

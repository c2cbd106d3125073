"""What a conversion reads without a transform: rows of every format, whole and in parts."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion import columnar_formats, imported_formats, input_formats, text_formats
from headrace.conversion.inputs import Inputs
from headrace.schema import Field

pa = pytest.importorskip("pyarrow")
pa_csv = pytest.importorskip("pyarrow.csv")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = 1000


def expected(rows: int = ROWS) -> dict[str, list[Any]]:
    return {
        "k": list(range(rows)),
        "x": [k / 2 for k in range(rows)],
        "when": [f"2024-01-{1 + k % 28:02}" for k in range(rows)],
        "text": [f"row {k}\u00e4" for k in range(rows)],
    }


def write_csv(path: Path, columns: dict[str, list[Any]], quote: str = "") -> None:
    lines = [",".join(columns)]
    for row in zip(*columns.values(), strict=True):
        lines.append(",".join(f"{quote}{x}{quote}" for x in row))
    path.write_text("\n".join(lines) + "\n")


def write_json(path: Path, columns: dict[str, list[Any]]) -> None:
    rows = zip(*columns.values(), strict=True)
    path.write_text(
        "".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
    )


def write_stream(path: Path, columns: dict[str, list[Any]]) -> None:
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=90)


def write_arrow(path: Path, columns: dict[str, list[Any]]) -> None:
    table = pa.table(columns)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=90)


def write_gzip(path: Path, columns: dict[str, list[Any]]) -> None:
    plain = path.with_suffix("")
    write = write_csv if plain.suffix == ".csv" else write_json
    write(plain, columns)
    path.write_bytes(gzip.compress(plain.read_bytes()))


WRITERS: dict[str, Callable[[Path, dict[str, list[Any]]], None]] = {
    "a.csv": write_csv,
    "quoted.csv": lambda path, columns: write_csv(path, columns, '"'),
    "a.csv.gz": write_gzip,
    "a.jsonl": write_json,
    "a.ndjson.gz": write_gzip,
    "a.parquet": lambda path, columns: parquet.write_table(
        pa.table(columns), path, row_group_size=90
    ),
    "a.arrow": write_arrow,
    "stream.arrow": write_stream,
}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (text_formats, columnar_formats, imported_formats):
        monkeypatch.setattr(module, "PART_BYTES", 5000)
    monkeypatch.setattr(text_formats, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(imported_formats, "BLOCK_BYTES", 2000)
    monkeypatch.setattr(columnar_formats, "_STEP_BYTES", 1000)
    monkeypatch.setattr(imported_formats, "_STEP_ROWS", 7)


def read(path: Any, *, types: Any = None) -> tuple[list[dict[str, Any]], int]:
    """Returns every step of every part, and how many parts there are."""
    (found,) = Inputs(str(path), transforms=False)
    reader = input_formats.format_of(found)
    spans = reader.split(found.item, found.size or 0)
    steps: list[dict[str, Any]] = []
    for span in spans:
        for step in reader.read(found.item, span, types or {}):
            steps.append(step if isinstance(step, dict) else step.to_pydict())
    return steps, len(spans)


def joined(steps: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [x for step in steps for x in step[name]] for name in steps[0]}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_those_that_were_written(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, expected())
    steps, parts = read(tmp_path / name)
    assert joined(steps) == expected()
    assert parts == 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", WRITERS)
def test_parts_hold_each_row_once(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, expected())
    steps, parts = read(tmp_path / name)
    assert joined(steps) == expected()
    assert len(steps) > 5
    splits = name in ("a.csv", "a.jsonl", "a.parquet", "a.arrow")
    assert (parts > 3) == splits, parts


@pytest.mark.parametrize("name", ["a.csv.gz", "a.ndjson.gz"])
def test_suffixes_are_of_any_case(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / name, expected())
    (tmp_path / name).rename(tmp_path / name.upper())
    assert joined(read(tmp_path / name.upper())[0]) == expected()


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_lines_may_end_with_a_carriage_return(end: str, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", expected())
    text = (tmp_path / "a.csv").read_text()
    (tmp_path / "a.csv").write_text(text.replace("\n", end), newline="")
    steps, parts = read(tmp_path / "a.csv")
    assert joined(steps) == expected()
    assert (parts > 3) == (end == "\r\n")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("part_bytes", [*range(30, 60), 5000])
def test_ranges_of_bytes_hold_each_line_once_wherever_they_are_cut(
    part_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_formats, "PART_BYTES", part_bytes)
    for name in ("a.csv", "a.jsonl"):
        WRITERS[name](tmp_path / name, expected(50))
        assert joined(read(tmp_path / name)[0]) == expected(50)


def test_newlines_in_quotes_do_not_end_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_formats, "PART_BYTES", 1)
    path = tmp_path / "a.csv"
    path.write_text('\ufeffa,b\n1,"x\ny"\n2,"say ""z"""\n', encoding="utf-8")
    assert joined(read(path)[0]) == {"a": [1, 2], "b": ["x\ny", 'say "z"']}


def test_known_types_are_not_inferred(tmp_path: Path) -> None:
    types = {"k": Field("k", "float32"), "x": Field("x", "uint8", kind="text")}
    for name in ("a.csv", "a.jsonl"):
        columns = {"k": [1, 2], "x": ["3", "4"] if name == "a.jsonl" else [3, 4]}
        WRITERS[name](tmp_path / name, columns)
        steps, _ = read(tmp_path / name, types=types)
        assert joined(steps) == {"k": [1.0, 2.0], "x": ["3", "4"]}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", ["a.csv", "quoted.csv", "a.jsonl"])
def test_a_type_that_changes_is_an_error_that_names_the_file(name: str, tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"x": [*range(900), "word"]}
    WRITERS[name](tmp_path / name, columns)
    with pytest.raises(hr.InvalidError, match=rf"{name}' cannot be parsed.*columns="):
        read(tmp_path / name)


def test_a_row_that_is_torn_is_no_matter_of_types(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(hr.InvalidError, match=r"Expected 2 columns, got 1: 3; correct the file"):
        read(tmp_path / "a.csv")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("types", [{}, {"t": Field("t", "uint8", kind="text")}])
@pytest.mark.parametrize("line", [1, 2, 900])
def test_text_that_is_not_utf8_is_an_error_that_names_its_place(
    quote: str, compress: bool, types: Any, line: int, tmp_path: Path
) -> None:
    lines = ["k,t\n", *(f"{k},{quote}row {k}{quote}\n" for k in range(2, 1000))]
    lines[line - 1] = lines[line - 1].replace("k", "\u00fc").replace("row", "\u00fc")
    text = "".join(lines).encode("latin-1")
    path = tmp_path / ("a.csv.gz" if compress else "a.csv")
    path.write_bytes(gzip.compress(text) if compress else text)
    where = rf"{path.name}', line {line}" + (", column 't'" if line > 1 else "")
    with pytest.raises(hr.InvalidError, match=where + r": text that is not UTF-8.*iconv") as caught:
        read(path, types=types)
    assert caught.value.file == str(path)
    assert caught.value.column == ("t" if line > 1 else "")
    assert caught.value.offset == text.index("\u00fc".encode("latin-1"))
    assert caught.value.row == (line - 2 if line > 1 and not quote else None)


def test_a_csv_in_utf16_is_an_error_in_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("k,t\n1,a\n", encoding="utf-16")
    with pytest.raises(hr.InvalidError, match=r"a\.csv', line 1: text that is not UTF-8"):
        read(tmp_path / "a.csv")


def test_bytes_in_a_csv_have_to_be_declared(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"k,t\n1,\xff\xfe\n")
    with pytest.raises(hr.InvalidError, match=r"columns=\{'t': \{'kind': 'bytes'\}\}"):
        read(tmp_path / "a.csv")
    steps, _ = read(tmp_path / "a.csv", types={"t": Field("t", "uint8", kind="bytes")})
    assert joined(steps) == {"k": [1], "t": [b"\xff\xfe"]}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_in_steps(order: Any, tmp_path: Path) -> None:
    rows = np.arange(6000, dtype=np.float32).reshape((-1, 2, 3), order=order)
    np.save(tmp_path / "a.npy", rows)
    (found,) = Inputs(str(tmp_path / "a.npy"), transforms=False)
    reader = input_formats.format_of(found)
    spans = reader.split(found.item, found.size or 0)
    steps = [step for span in spans for step in reader.read(found.item, span, {})]
    assert len(spans) > 3
    assert all(len(step) == 1 for step in steps)
    np.testing.assert_array_equal(np.concatenate([step[0] for step in steps]), rows)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.npy", "a.parquet", "a.arrow"])
@pytest.mark.parametrize("rows", [0, 1])
def test_files_of_no_rows_have_no_rows(name: str, rows: int, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, np.zeros((rows, 3)))
    else:
        WRITERS[name](path, expected(rows))
    steps, parts = read_counts(path)
    assert (steps, parts) == (rows, 1)


def read_counts(path: Path) -> tuple[int, int]:
    (found,) = Inputs(str(path), transforms=False)
    reader = input_formats.format_of(found)
    spans = reader.split(found.item, found.size or 0)
    steps = [s for span in spans for s in reader.read(found.item, span, {})]
    return sum(len(s[0]) if isinstance(s, tuple) else s.num_rows for s in steps), len(spans)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("a.parquet", hr.InvalidError),
        ("a.arrow", hr.InvalidError),
        ("a.npy", hr.InvalidError),
        ("a.jsonl", hr.InvalidError),
        ("a.xyz", hr.UnsupportedError),
        ("folder", hr.UnsupportedError),
    ],
)
def test_what_is_of_another_kind_is_an_error(
    name: str, error: type[Exception], tmp_path: Path
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    else:
        path.write_text("this is something else\n")
    with pytest.raises(error, match=name):
        read(path)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ["a.csv", "b.csv", "c.jsonl", ".d.jsonl", "e.txt", "f.txt", "g.txt"],
            r"glob.*/in/\*\.csv'",
        ),
        (["x/a.txt", "x/b.npy"], r"glob.*/in/\*\*/\*\.npy'"),
        (["a.txt"], "a directory without files that are read without a transform"),
        (["manifests/0.arrow"], r"a dataset of headrace already; open it with hr\.open"),
    ],
)
def test_a_directory_is_an_error_before_anything_is_done(
    names: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "first.csv").write_text("x\n1\n")
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    with pytest.raises(hr.UnsupportedError, match=says):
        hr.convert([tmp_path / "first.csv", str(tmp_path / "in")], tmp_path / "out", shard_bytes=1)
    assert not (tmp_path / "out").exists()


def test_an_empty_csv_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("")
    assert read(tmp_path / "a.csv") == ([], 1)


@pytest.mark.usefixtures("small_parts")
def test_a_dataset_of_hugging_face_is_read_from_its_directory(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        k=datasets.Value("int64"),
        text=datasets.Value("string"),
        grid=datasets.Array2D((2, 3), "float32"),
        label=datasets.ClassLabel(names=["no", "yes"]),
    )
    grids = np.arange(60 * 6, dtype=np.float32).reshape(60, 2, 3)
    columns = {"k": list(range(60)), "text": [f"t{k}" for k in range(60)], "label": [0, 1] * 30}
    found = datasets.Dataset.from_dict(columns | {"grid": list(grids)}, features=features)
    found = found.select(range(59, -1, -1))  # rows by an index, as after a shuffle
    found.save_to_disk(str(tmp_path / "a"))
    steps, parts = read(tmp_path / "a")
    assert parts == 1
    assert [x for s in steps for x in s["k"].to_pylist()] == list(range(59, -1, -1))
    assert steps[0]["text"].to_pylist()[0] == "t59"
    np.testing.assert_array_equal(np.concatenate([s["grid"] for s in steps]), grids[::-1])
    datasets.DatasetDict(train=found, test=found).save_to_disk(str(tmp_path / "b"))
    with pytest.raises(hr.InvalidError, match=r"splits 'train', 'test'.*b/train"):
        read(tmp_path / "b")
    assert len(read(tmp_path / "b" / "test")[0]) == len(steps)


def add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


@pytest.mark.usefixtures("small_parts")
def test_a_tar_of_webdataset_is_read_by_sample(tmp_path: Path) -> None:
    pytest.importorskip("webdataset")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for k in range(20):
            add(tar, f"dir/{k:03}.jpg", bytes([k, 255]))
            add(tar, f"dir/{k:03}.cls", str(k % 3).encode())
            add(tar, f"dir/{k:03}.txt", f"caption {k}\u00e4".encode())
    steps, _ = read(tmp_path / "a.tar")
    columns = joined(steps)
    assert columns["__key__"] == [f"dir/{k:03}" for k in range(20)]
    assert columns["jpg"] == [bytes([k, 255]) for k in range(20)]
    assert columns["cls"] == [k % 3 for k in range(20)]
    assert columns["txt"] == [f"caption {k}\u00e4" for k in range(20)]
    assert len(steps) == 3
    with tarfile.open(tmp_path / "b.tar", "w") as tar:
        add(tar, "0.cls", b"1")
        add(tar, "1.txt", b"1")
    with pytest.raises(hr.InvalidError, match=r"sample '1' has \.txt, and '0' has \.cls"):
        read(tmp_path / "b.tar")
    whole = (tmp_path / "a.tar").read_bytes()
    for size in (len(whole) // 1024 * 512, 512 * 20 + 100):
        (tmp_path / "c.tar").write_bytes(whole[:size])
        with pytest.raises(hr.TruncatedError, match="last samples are missing"):
            read(tmp_path / "c.tar")

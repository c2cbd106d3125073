"""hr.convert: every input becomes rows exactly once, in order, whoever works and whatever fails."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion import build as conversion_build
from headrace.conversion import text_formats

pa = pytest.importorskip("pyarrow")


def rows_of(k: int) -> dict[str, Any]:
    """One to five rows that tell their number."""
    x = 10 * k + np.arange(k % 5 + 1)
    return {"x": x, "t": [f"row {i}" for i in x]}


def steps_of(k: int) -> Iterator[dict[str, Any]]:
    """None to three steps of one row."""
    for i in range(k % 4):
        yield {"x": np.array([10 * k + i]), "t": [f"row {10 * k + i}"]}


def one_row(k: int) -> dict[str, Any]:
    return {"x": k, "v": np.full(3, k, np.float32), "t": f"row {k}", "b": bytes([k])}


def fails_at_57(k: int) -> dict[str, Any]:
    if k == 57:
        raise KeyError("fifty-seven")
    return rows_of(k)


def fails_in_the_third_step(k: int) -> Iterator[dict[str, Any]]:
    for i, step in enumerate(steps_of(k)):
        if k == 7 and i == 2:
            raise KeyError("seven")
        yield step


def read_lines(path: str) -> dict[str, Any]:
    return {"x": np.array([int(line) for line in Path(path).read_text().split()])}


def expected(items: Any, fn: Any = rows_of) -> list[int]:
    found: list[int] = []
    for k in items:
        result = fn(k)
        for step in [result] if isinstance(result, dict) else result:
            found += step["x"].tolist()
    return found


def numbers(ds: hr.Dataset) -> list[int]:
    found: list[int] = ds["x"][:].tolist()
    if "t" in ds.schema:
        assert ds["t"][:] == [f"row {x}" for x in found]
    return found


def shard_rows(directory: Path) -> list[int]:
    from headrace import _core  # noqa: PLC0415

    return [entry["rows"] for entry in _core.Directory(str(directory)).entries()]


def convert(inputs: Any, directory: Any, **to: Any) -> hr.Dataset:
    """Converts without a line on stderr."""
    made: hr.Dataset = hr.convert(inputs, directory, **{"progress": False, **to})
    return made


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture(params=["here", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "here":
        yield None
    elif request.param == "threads":
        with ThreadPoolExecutor(3) as pool:
            yield pool
    else:
        yield request.getfixturevalue("processes")


@pytest.mark.parametrize("shard_bytes", [1, 1000, "128MB"])
@pytest.mark.parametrize("fn", [rows_of, steps_of])
def test_rows_come_in_the_order_of_the_inputs_whoever_works(
    fn: Any, shard_bytes: Any, executor: Executor | None, tmp_path: Path
) -> None:
    items = range(10 if shard_bytes == 1 else 40)
    ds = convert(items, tmp_path, transform=fn, executor=executor, shard_bytes=shard_bytes)
    assert numbers(ds) == expected(items, fn)
    if executor is None and shard_bytes == "128MB":
        assert len(shard_rows(tmp_path)) == 1


def test_what_is_done_is_not_done_again_and_new_inputs_are_appended(
    executor: Executor | None, tmp_path: Path
) -> None:
    convert(range(20), tmp_path, transform=rows_of, executor=executor)
    before = sorted(os.listdir(tmp_path / "shards"))
    assert numbers(convert(range(20), tmp_path, transform=rows_of)) == expected(range(20))
    assert sorted(os.listdir(tmp_path / "shards")) == before
    ds = convert(range(15, 30), tmp_path, transform=rows_of, executor=executor)
    assert numbers(ds) == expected(range(30))


def test_the_first_input_that_fails_is_named_and_all_before_it_is_committed(
    executor: Executor | None, tmp_path: Path
) -> None:
    with pytest.raises(hr.TransformError, match=r"KeyError for item 57 \(57\)") as caught:
        convert(range(80), tmp_path, transform=fails_at_57, executor=executor, version="1")
    assert "fifty-seven" in str(caught.value.__cause__)
    assert numbers(hr.open(tmp_path)) == expected(range(57))
    mended = convert(range(80), tmp_path, transform=rows_of, executor=executor, version="1")
    assert numbers(mended) == expected(range(80))


def test_what_fails_can_be_skipped_and_is_tried_again(
    executor: Executor | None, tmp_path: Path
) -> None:
    failures: list[Any] = []
    with pytest.warns(UserWarning, match=r"1 inputs were skipped:\n.*item 57"):
        ds = convert(
            *(range(80), tmp_path),
            transform=fails_at_57,
            executor=executor,
            version="1",
            errors="skip",
            failures=failures,
        )
    good = [k for k in range(80) if k != 57]
    assert numbers(ds) == expected(good)
    assert [failure.name for failure in failures] == ["item 57 (57)"]
    ds = convert(range(80), tmp_path, transform=rows_of, executor=executor, version="1")
    assert numbers(ds) == expected([*good, 57])


def test_steps_before_a_failure_stay_and_are_not_repeated(
    executor: Executor | None, tmp_path: Path
) -> None:
    with pytest.raises(hr.TransformError, match="item 7"):
        convert(
            range(10), tmp_path, transform=fails_in_the_third_step, executor=executor, version="1"
        )
    assert numbers(hr.open(tmp_path))[-2:] == [70, 71]
    ds = convert(range(10), tmp_path, transform=steps_of, executor=executor, version="1")
    assert numbers(ds) == expected(range(10), steps_of)


def test_a_failure_of_everything_is_an_error_even_if_skipped(tmp_path: Path) -> None:
    with pytest.raises(hr.InvalidError, match=r"3 inputs were skipped:\n.*KeyError"):
        convert([57] * 3, tmp_path, transform=fails_at_57, errors="skip")
    with pytest.raises(hr.InvalidError, match="no input has rows"):
        convert([0, 4], tmp_path, transform=steps_of)


def test_results_that_do_not_fit_name_the_input(executor: Executor | None, tmp_path: Path) -> None:
    convert(range(5), tmp_path, transform=rows_of, version="1", executor=executor)
    for fn, says in ((list_of, "a list"), (nothing, "return missing"), (other, "item 5.*'y'")):
        with pytest.raises(hr.HeadraceError, match=says) as caught:
            convert(range(9), tmp_path, transform=fn, version="1", executor=executor)
        assert "item 5" in str(caught.value)
    assert numbers(hr.open(tmp_path)) == expected(range(5))


def list_of(k: int) -> Any:
    return [1, 2]


def nothing(k: int) -> None:
    return None


def other(k: int) -> Any:
    return rows_of(k) | {"y": np.zeros(k % 5 + 1)}


def test_one_row_for_each_item(executor: Executor | None, tmp_path: Path) -> None:
    ds = convert(range(9), tmp_path, transform=one_row, rows="one", executor=executor)
    assert len(ds) == 9
    assert ds[4]["x"] == 4
    assert ds[4]["v"].tolist() == [4, 4, 4]
    assert (ds[4]["t"], ds[4]["b"]) == ("row 4", b"\4")


def test_tuples_and_arrays_become_tuple_rows(tmp_path: Path) -> None:
    ds = convert([3], tmp_path / "a", transform=lambda k: (np.arange(k), np.ones((k, 2))))
    assert isinstance(ds[1], tuple)
    assert ds[1][1].tolist() == [1, 1]
    ds = convert([3], tmp_path / "b", transform=np.arange)
    assert ds[2] == (2,)
    with pytest.raises(hr.InvalidError, match="a dict, and what came before is a tuple"):
        convert([3, 4], tmp_path / "c", transform=tuple_or_dict)


def tuple_or_dict(k: int) -> Any:
    return (np.arange(k),) if k == 3 else {"0": np.arange(k)}


def test_tables_are_columns_with_names(tmp_path: Path) -> None:
    def table(k: int) -> Any:
        return pa.table({"x": list(range(k)), "t": [f"row {i}" for i in range(k)]})

    def reader(k: int) -> Any:
        return table(k).to_reader(max_chunksize=2)

    for name, fn in (("a", table), ("b", reader)):
        assert numbers(convert([3, 5], tmp_path / name, transform=fn)) == [0, 1, 2, 0, 1, 2, 3, 4]


def test_another_transform_or_option_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    convert(range(3), tmp_path, transform=rows_of)
    with pytest.raises(hr.InvalidError, match=r"rows_of of version .*steps_of.*new directory"):
        convert(range(5), tmp_path, transform=steps_of)
    with pytest.raises(hr.InvalidError, match=r"rows=many \(now one\)"):
        convert(range(5), tmp_path, transform=rows_of, rows="one")
    with pytest.raises(hr.InvalidError, match="fill="):
        convert(range(5), tmp_path, transform=rows_of, fill=0)
    assert numbers(hr.open(tmp_path)) == expected(range(3))


def test_a_transform_whose_version_cannot_be_told_needs_one(tmp_path: Path) -> None:
    with open(os.devnull) as file:
        fn = functools.partial(lambda k, file: rows_of(k), file=file)
        with pytest.raises(hr.InvalidError, match=r"TextIOWrapper.*version="):
            convert(range(3), tmp_path, transform=fn)
        assert len(convert(range(3), tmp_path, transform=fn, version="1")) == 6


def test_a_changed_file_is_an_error(tmp_path: Path) -> None:
    paths = [tmp_path / f"{k}.txt" for k in range(3)]
    for path in paths:
        path.write_text("1 2 3")
    out = tmp_path / "out"
    convert(f"{tmp_path}/*.txt", out, transform=read_lines)
    os.utime(paths[1], (1, 1))
    with pytest.raises(hr.InvalidError, match=r"1\.txt' has changed since"):
        convert(f"{tmp_path}/*.txt", out, transform=read_lines)
    assert len(hr.open(out)) == 9


def test_2000_tiny_files_are_few_shards(tmp_path: Path) -> None:
    for k in range(2000):
        (tmp_path / f"{k:04}.txt").write_text(f"{k} {k}")
    ds = convert(f"{tmp_path}/*.txt", tmp_path / "out", transform=read_lines)
    assert numbers(ds) == [k for k in range(2000) for _ in range(2)]
    assert len(shard_rows(tmp_path / "out")) == 1
    with ThreadPoolExecutor(2) as pool:
        convert(f"{tmp_path}/*.txt", tmp_path / "out2", transform=read_lines, executor=pool)
    assert len(shard_rows(tmp_path / "out2")) <= 16


def test_slices_of_a_large_record_batch_are_packed_into_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headrace.conversion.columnar_formats._STEP_BYTES", 10_000)
    table = pa.table({"t": ["x" * 100] * 1000})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_batch(table.to_batches()[0])
    ds = convert(tmp_path / "a.arrow", tmp_path / "out", shard_bytes=200_000)
    assert len(ds) == 1000
    assert len(ds.shard_ids) == 1
    tried = hr.convert(tmp_path / "a.arrow", tmp_path / "new", dry_run=1)
    assert 100_000 < tried.bytes < 120_000


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_large_file_is_many_commits_and_goes_on_in_the_middle(
    quote: str,
    executor: Executor | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in (("PART_BYTES", 20_000), ("BLOCK_BYTES", 5000)):
        monkeypatch.setattr(text_formats, name, value)
    lines = [f"{k},{quote}row {k}{quote}\n" for k in range(10_000)]
    (tmp_path / "a.csv").write_text("x,t\n" + "".join(lines))
    out = tmp_path / "out"
    if executor is None:
        with pytest.raises(KeyboardInterrupt):
            convert(tmp_path / "a.csv", out, shard_bytes=30_000, progress=stop_after(4000))
        assert 0 < len(hr.open(out)) < 10_000
    ds = convert(tmp_path / "a.csv", out, shard_bytes=30_000, executor=executor)
    assert numbers(ds) == list(range(10_000))
    assert len(shard_rows(out)) >= 5


def stop_after(rows: int) -> Any:
    """Shows progress at every step, and ends like Ctrl-C."""

    def show(now: Any) -> None:
        if now.rows >= rows:
            raise KeyboardInterrupt

    return show


@pytest.fixture(autouse=True)
def _shows_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headrace.conversion.progress._TERMINAL_S", 0.0)


def test_small_files_of_every_kind_are_one_dataset(tmp_path: Path) -> None:
    table = pa.table({"x": [1, 2], "t": ["row 1", "row 2"]})
    (tmp_path / "a.csv").write_text("x,t\n1,row 1\n2,row 2\n")
    (tmp_path / "b.jsonl").write_text('{"x": 1, "t": "row 1"}\n{"x": 2, "t": "row 2"}\n')
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(table, tmp_path / "c.parquet")
    with pa.ipc.new_file(str(tmp_path / "d.arrow"), table.schema) as writer:
        writer.write_table(table)
    ds = convert(f"{tmp_path}/*.*", tmp_path / "out")
    assert numbers(ds) == [1, 2] * 4
    assert len(shard_rows(tmp_path / "out")) == 1


def test_arrays_in_files_become_tuple_rows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6.0).reshape(3, 2))
    ds = convert(tmp_path / "a.npy", tmp_path / "out")
    assert ds[2][0].tolist() == [4, 5]


def test_types_of_the_first_file_are_those_of_all(
    executor: Executor | None, tmp_path: Path
) -> None:
    for k, text in enumerate(["x\n1.5\n", "x\n2\n", "x\n3\n"]):
        (tmp_path / f"{k}.csv").write_text(text)
    ds = convert(f"{tmp_path}/*.csv", tmp_path / "out", executor=executor)
    assert numbers(ds) == [1.5, 2, 3]
    given = {"x": {"dtype": "float32"}}
    ds = convert(f"{tmp_path}/1.csv", tmp_path / "out2", columns=given, executor=executor)
    assert str(ds.schema["x"].dtype) == "float32"


def test_text_is_read_as_declared_and_what_has_a_dtype_keeps_it(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"x": [1.0, 2.0]})
    (tmp_path / "a.csv").write_text("x\n1\n2\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n{"x": 2}\n')
    parquet.write_table(table, tmp_path / "a.parquet")
    np.save(tmp_path / "a.npy", np.array([1.0, 2.0]))
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    for kind in ("csv", "jsonl", "parquet", "arrow", "npy"):
        name = "0" if kind == "npy" else "x"
        path, given = tmp_path / f"a.{kind}", {name: {"dtype": "float32"}}
        if kind in ("csv", "jsonl"):
            ds = convert(path, tmp_path / kind, columns=given)
            assert ds.schema["x"].dtype == "float32"
            continue
        with pytest.raises(hr.InvalidError, match=rf"a\.{kind}'.*float32.*float64.*ds\.cast") as e:
            convert(path, tmp_path / kind, columns=given)
        assert e.value.column == name
        same = {name: {"dtype": "float64"}}
        assert convert(path, tmp_path / kind, columns=same).schema[name].dtype == "float64"


def test_nulls_are_an_error_or_filled(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n1,\n2,3\n")
    with pytest.raises(hr.InvalidError, match=r"a\.csv'.*column 'y' has 1 null"):
        convert(tmp_path / "a.csv", tmp_path / "out")
    ds = convert(tmp_path / "a.csv", tmp_path / "out", fill={"y": -1})
    assert ds["y"][:].tolist() == [-1, 3]
    assert ds["y_valid"][:].tolist() == [False, True]


def test_a_dry_run_tells_what_would_be_and_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    found = hr.convert(range(100), out, transform=rows_of, dry_run=10)
    assert not out.exists()
    assert list(found.schema) == ["x", "t"]
    assert (found.inputs, found.rows) == (10, 30)
    assert found.estimated_rows == 300
    assert "rows/s" in repr(found)
    assert "x: int64" in repr(found)
    failing = hr.convert(range(50, 60), out, transform=fails_at_57, dry_run=10)
    assert len(failing.failures) == 1
    with pytest.raises(hr.TransformError, match="item 0"):
        hr.convert([57], out, transform=fails_at_57, dry_run=10)


def test_progress_is_told_to_a_function(executor: Executor | None, tmp_path: Path) -> None:
    seen: list[Any] = []
    hr.convert(range(50), tmp_path, transform=rows_of, executor=executor, progress=seen.append)
    assert seen[-1].rows == 150
    assert seen[-1].fraction == 1.0


def test_a_slow_group_is_handed_over_early(
    executor: Executor | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion_build, "GROUP_S", 0.0)
    ds = convert(range(20), tmp_path, transform=rows_of, executor=executor)
    assert numbers(ds) == expected(range(20))
    if not isinstance(executor, ProcessPoolExecutor):
        assert len(shard_rows(tmp_path)) == 20


def test_the_ledger_lies_in_the_manifests_with_the_version(tmp_path: Path) -> None:
    from headrace import _core  # noqa: PLC0415

    convert(range(7), tmp_path, transform=rows_of, version="v7")
    directory = _core.Directory(str(tmp_path))
    assert json.loads(directory.read()["metadata"])["convert"]["version"] == "v7"
    assert len(directory.origins()) == 4 * 7


def test_a_dataset_that_no_conversion_made_is_left_alone(tmp_path: Path) -> None:
    with hr.Writer(tmp_path) as writer:
        writer.write(x=np.arange(3))
    with pytest.raises(hr.InvalidError, match="no conversion made"):
        convert(range(7), tmp_path, transform=rows_of)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"transform": 3}, "transform is called"),
        ({"rows": "two"}, "rows is 'many' or 'one'"),
        ({"errors": "ignore"}, "errors is 'raise' or 'skip'"),
        ({"executor": 4}, "submit"),
        ({"shard_bytes": "lots"}, "shard_bytes"),
        ({"version": 3}, "version is a str"),
        ({"version": ""}, "version is a str"),
        ({"dry_run": 0}, "dry_run"),
        ({"progress": "yes"}, "progress"),
    ],
)
def test_wrong_arguments_are_errors_before_anything_is_done(
    arguments: dict[str, Any], says: str, tmp_path: Path
) -> None:
    with pytest.raises(hr.InvalidError, match=says):
        hr.convert(range(3), tmp_path / "out", **{"transform": rows_of, **arguments})
    assert not (tmp_path / "out" / "manifests").exists()


def test_a_directory_is_a_path_where_one_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for wrong in (tmp_path / "file", b"bytes", 3, None, ""):
        with pytest.raises((hr.InvalidError, hr.UnsupportedError), match="director"):
            convert(range(7), wrong, transform=rows_of)
        with pytest.raises((hr.InvalidError, hr.UnsupportedError), match="director"):
            hr.cache([1], wrong)  # type: ignore[arg-type]

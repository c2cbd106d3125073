"""hr.convert of files that change while they are read: an error, and never rows of two states."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion import columnar_formats, text_formats
from headrace.conversion.text_formats import Span

pa = pytest.importorskip("pyarrow")

CHANGED = r"2\.txt' has changed or gone while it was read"


def change(path: str) -> None:
    """Writes to a file; its time is set, since clocks of file systems may stand still."""
    Path(path).write_text("8 9")
    os.utime(path, (1, 1))


def whole(path: str, spoil: Callable[[str], None]) -> Any:
    found = {"x": np.loadtxt(path, dtype=np.int64, ndmin=1)}
    if path.endswith("2.txt"):
        spoil(path)
    return found


def in_steps(path: str, spoil: Callable[[str], None]) -> Iterator[Any]:
    for k, x in enumerate(np.loadtxt(path, dtype=np.int64, ndmin=1)):
        if k == 1 and path.endswith("2.txt"):
            spoil(path)
        yield {"x": np.array([x])}


class Table:
    """Hands out its rows when they are written."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.schema = reader.schema

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return self._reader.__arrow_c_stream__(requested_schema)


def as_they_are_written(path: str, spoil: Callable[[str], None]) -> Any:
    schema = pa.schema({"x": pa.int64()})
    steps = (pa.record_batch([step["x"]], schema=schema) for step in in_steps(path, spoil))
    return Table(pa.RecordBatchReader.from_batches(schema, steps))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{k}.txt" for k in range(4)]
    for k, path in enumerate(paths):
        path.write_text(f"{10 * k} {10 * k + 1}")
    return paths


def convert(read: Any, spoil: Any, files: list[Path], **to: Any) -> list[int]:
    ds = hr.convert(
        *(files, files[0].parent / "out"),
        transform=lambda path: read(path, spoil),
        version="1",
        progress=False,
        **to,
    )
    found: list[int] = ds["x"][:].tolist()
    return found


def rows(files: list[Path]) -> list[int]:
    found: list[int] = hr.open(files[0].parent / "out")["x"][:].tolist()
    return found


@pytest.mark.parametrize("spoil", [change, os.remove])
@pytest.mark.parametrize("threads", [0, 2])
def test_a_file_that_changes_in_the_transform_is_an_error(
    spoil: Any, threads: int, files: list[Path]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        executor = pool if threads else None
        with pytest.raises(hr.InvalidError, match=CHANGED):
            convert(whole, spoil, files, executor=executor)
        assert rows(files) == [0, 1, 10, 11]
        change(str(files[2]))
        assert convert(whole, str, files, executor=executor) == [0, 1, 10, 11, 8, 9, 30, 31]


@pytest.mark.parametrize("threads", [0, 2])
def test_steps_before_the_change_stay_and_those_behind_it_never_come(
    threads: int, files: list[Path]
) -> None:
    with ThreadPoolExecutor(2) as pool, pytest.raises(hr.InvalidError, match=CHANGED):
        convert(in_steps, change, files, executor=pool if threads else None)
    assert rows(files) == [0, 1, 10, 11, 20]
    with pytest.raises(hr.InvalidError, match=r"2\.txt' has changed since it was converted"):
        convert(in_steps, str, files)


def test_rows_that_changed_as_they_were_written_are_not_committed(files: list[Path]) -> None:
    with pytest.raises(hr.InvalidError, match=CHANGED):
        convert(as_they_are_written, change, files, errors="skip")
    assert not (files[0].parent / "out" / "manifests").exists()
    assert convert(as_they_are_written, str, files) == [0, 1, 10, 11, 8, 9, 30, 31]


def test_a_file_that_changed_is_skipped_as_others_that_fail(files: list[Path]) -> None:
    with pytest.warns(UserWarning, match=CHANGED):
        assert convert(whole, change, files, errors="skip") == [0, 1, 10, 11, 30, 31]
    assert convert(whole, str, files, errors="skip") == [0, 1, 10, 11, 30, 31, 8, 9]


@pytest.mark.parametrize("threads", [0, 2])
def test_a_file_in_parts_gives_rows_of_one_state(
    threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_formats, "PART_BYTES", 2000)
    monkeypatch.setattr("headrace.conversion.progress._TERMINAL_S", 0.0)
    path = tmp_path / "a.csv"
    path.write_text("x\n" + "".join(f"{k}\n" for k in range(5000)))

    def spoil(now: Any) -> None:
        if now.rows and os.stat(path).st_mtime > 1:
            path.write_text("x\n" + "7\n" * 10_000)
            os.utime(path, (1, 1))

    with ThreadPoolExecutor(2) as pool:
        given: dict[str, Any] = {"executor": pool if threads else None, "progress": spoil}
        with pytest.raises(hr.InvalidError, match=r"a\.csv' has changed"):
            hr.convert(path, tmp_path / "out", shard_bytes=500, **given)
    found = hr.open(tmp_path / "out")["x"][:].tolist()
    assert 0 < len(found) < 5000
    assert found == list(range(len(found)))


def test_an_array_that_is_cut_short_while_it_is_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar_formats, "_STEP_BYTES", 4096)
    path = str(tmp_path / "a.npy")
    np.save(path, np.arange(5000.0))
    steps = columnar_formats.Npy().read(path, Span(0, 5000, 40_000), {})
    assert next(steps)[0][0] == 0
    os.truncate(path, 200)
    with pytest.raises(hr.TruncatedError, match=r"a\.npy' is shorter than its header says"):
        next(steps)


def test_a_small_arrow_file_that_is_cut_short_does_not_end_the_process(
    run_script: Callable[..., Any], tmp_path: Path
) -> None:
    table = pa.table({"x": np.arange(100_000)})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=10_000)
    done = run_script(
        """
        import os, pyarrow as pa
        from headrace.conversion.columnar_formats import Arrow
        from headrace.conversion.text_formats import Span
        steps = Arrow().read("a.arrow", Span(0, None, 1), {})
        next(steps)
        os.truncate("a.arrow", 0)
        try:
            for _ in steps:
                pass
        except (pa.ArrowInvalid, OSError) as error:
            print("raised")
        """
    )
    assert (done.returncode, done.stdout) == (0, "raised\n"), done.stderr

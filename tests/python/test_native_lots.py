"""Native transforms in `hr.convert` and `hr.from_items`: many inputs at a time, in C++ threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion import native_parts

pytest.importorskip("scipy.sparse")

LINES = Path(__file__).resolve().parents[1] / "testing" / "lines_transform.c"
BITS = LINES.with_name("bits_transform.c")


@pytest.fixture(autouse=True)
def _cache(native_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(native_cache))


@pytest.fixture
def lines() -> hr.native.NativeTransform:
    return hr.native.load(LINES)


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    """Returns 300 files, some of them empty, one larger than a lot."""
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(3)
    found = []
    for number in range(300):
        length = 2_000_000 if number == 40 else int(rng.integers(0, 200))
        text = rng.choice(np.frombuffer(b"abcxyz \n", np.uint8), length).tobytes()
        path = folder / f"{number:03}.txt"
        path.write_bytes(text)
        found.append(str(path))
    return found


@pytest.fixture
def never_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every call of a native transform from Python an error."""

    def call(*arguments: object, **keywords: object) -> None:
        raise AssertionError(f"called for {arguments!r}")

    monkeypatch.setattr(hr.native.NativeTransform, "__call__", call)


def one_by_one(fn: hr.native.NativeTransform) -> Callable[[Any], Any]:
    """Returns the same as a function of Python, which is called for every item."""

    def call(item: Any) -> Any:
        return fn(item)

    return call


def convert_files(paths: list[str], folder: Path, **options: Any) -> hr.Dataset:
    dataset: hr.Dataset = hr.convert(paths, folder, progress=False, **options)
    return dataset


def assert_equal(found: hr.Dataset, expected: hr.Dataset) -> None:
    assert found.schema == expected.schema
    left, right = found[:], expected[:]
    for name, field in found.schema.items():
        if field.kind == "csr" and not field.binary:
            assert (left[name] != right[name]).nnz == 0
            assert left[name].shape == right[name].shape
        elif field.kind == "csr":
            for part in ("indptr", "indices"):
                np.testing.assert_array_equal(getattr(left[name], part), getattr(right[name], part))
        elif field.kind == "ragged":
            assert [row.tolist() for row in left[name]] == [row.tolist() for row in right[name]]
        else:
            np.testing.assert_array_equal(left[name], right[name])


def map_threads() -> int:
    names = (Path(task.path, "comm").read_text() for task in os.scandir("/proc/self/task"))
    return sum(name.strip() == "headrace-map" for name in names)


# --- The same rows --------------------------------------------------------------------------------


@pytest.mark.parametrize("shard_bytes", ["128MB", "20KB"])
def test_convert_writes_what_a_function_of_python_would(
    lines: hr.native.NativeTransform, paths: list[str], tmp_path: Path, shard_bytes: str
) -> None:
    options = {"shard_bytes": shard_bytes}
    found = convert_files(paths, tmp_path / "a", transform=lines, **options)
    python = {"transform": one_by_one(lines), "version": "1"}
    expected = convert_files(paths, tmp_path / "b", **python, **options)
    assert_equal(found, expected)
    report = hr.verify(tmp_path / "a", progress=False)
    assert report.ok
    assert report.rows == len(paths)
    if shard_bytes == "128MB":
        assert len(found.shard_ids) == len(expected.shard_ids) == 1


def test_from_items_gives_what_a_function_of_python_would(
    lines: hr.native.NativeTransform, paths: list[str]
) -> None:
    expected = hr.from_items(paths, one_by_one(lines), rows="many")
    for threads in (None, 1, 3):
        assert_equal(hr.from_items(paths, lines, threads=threads), expected)


@pytest.mark.usefixtures("never_called")
def test_nothing_is_called_for_each_item(
    lines: hr.native.NativeTransform, paths: list[str], tmp_path: Path
) -> None:
    assert len(convert_files(paths, tmp_path / "out", transform=lines)) == 300
    assert len(hr.from_items(paths, lines)) == 300


def test_items_may_be_bytes_or_paths_and_come_from_a_generator(
    lines: hr.native.NativeTransform, paths: list[str], tmp_path: Path
) -> None:
    expected = hr.from_items(paths, lines)["size"][:]

    def items() -> Iterator[object]:
        for number, path in enumerate(paths):
            content = Path(path).read_bytes()
            yield (path, Path(path), content, bytearray(content), memoryview(content))[number % 5]

    assert hr.from_items(items(), lines)["size"][:].tolist() == expected.tolist()
    contents = [Path(path).read_bytes() for path in paths]
    ds = hr.convert(contents, tmp_path / "out", transform=lines, progress=False)
    assert ds["size"][:].tolist() == expected.tolist()


def test_one_row_per_item_keeps_its_meaning(lines: hr.native.NativeTransform) -> None:
    sizes = hr.native.load(BITS)
    ds = hr.from_items([b"abcd", b"efgh"], lambda item: sizes(item)["position"], rows="one")
    assert ds["0"][:].tolist() == [[0], [0]]
    with pytest.raises(hr.UnsupportedError, match="column 'lines'"):
        hr.from_items([b"abcd", b"efgh"], lines, rows="one")


def test_every_way_tells_the_same_positions(tmp_path: Path) -> None:
    bits = hr.native.load(BITS)
    items = [bytes([k, 0, 0, 0]) for k in range(200)]
    with ThreadPoolExecutor(3) as pool:
        made = [
            hr.from_items(items, bits),
            hr.from_items(items, bits, executor=pool),
            hr.convert(items, tmp_path / "a", transform=bits, progress=False),
            hr.convert(items, tmp_path / "b", transform=bits, progress=False, executor=pool),
        ]
    for ds in made:
        assert ds["position"][:].tolist() == list(range(200))
    # Those that are new go on where the others ended.
    more = hr.convert([*items, b"more"], tmp_path / "a", transform=bits, progress=False)
    assert more["position"][:].tolist() == list(range(201))


# --- Errors ---------------------------------------------------------------------------------------


def error_of(fn: Any, items: list[Any]) -> hr.HeadraceError:
    with pytest.raises(hr.HeadraceError) as caught:
        hr.from_items(items, fn, rows="many")
    assert caught.value.__cause__ is not None
    return caught.value


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (b"! refused", hr.TransformError),
        ("/no/such/file", hr.NotFoundError),
        (3, hr.UnsupportedError),
        ("/tmp", hr.InvalidError),
    ],
)
def test_from_items_names_the_item_as_ever(
    lines: hr.native.NativeTransform, bad: object, kind: type[hr.HeadraceError]
) -> None:
    items: list[Any] = [b"fine"] * 70 + [bad] + [b"fine"] * 30
    error, expected = error_of(lines, items), error_of(one_by_one(lines), items)
    assert type(error) is type(expected) is kind
    assert (str(error), error.file) == (str(expected), expected.file)
    assert "item 70 (" in str(error)
    assert map_threads() == 0


def test_convert_names_the_input_and_keeps_what_came_before(
    lines: hr.native.NativeTransform, paths: list[str], tmp_path: Path
) -> None:
    content = Path(paths[200]).read_bytes()
    Path(paths[200]).write_bytes(b"! refused")
    with pytest.raises(hr.TransformError, match=r"200\.txt: it begins with '!'") as caught:
        convert_files(paths, tmp_path / "out", transform=lines)
    assert caught.value.file == paths[200]
    assert map_threads() == 0
    assert len(hr.open(tmp_path / "out")) == 200
    Path(paths[200]).write_bytes(content)
    ds = convert_files(paths, tmp_path / "out", transform=lines)
    assert ds["size"][:].tolist() == [os.path.getsize(path) for path in paths]


def test_convert_can_skip_what_fails(
    lines: hr.native.NativeTransform, paths: list[str], tmp_path: Path
) -> None:
    bad = [paths[k] for k in (0, 7, 8, 299)]
    for path in bad:
        Path(path).write_bytes(b"!")
    failures: list[Any] = []
    with pytest.warns(UserWarning, match="4 "):
        ds = convert_files(
            paths, tmp_path / "out", transform=lines, errors="skip", failures=failures
        )
    assert [failure.name for failure in failures] == [repr(path) for path in bad]
    assert all(failure.rows == 0 for failure in failures)
    fine = [path for path in paths if path not in bad]
    assert ds["size"][:].tolist() == [os.path.getsize(path) for path in fine]


def test_columns_that_do_not_fit_name_the_input_that_is_to_blame(
    lines: hr.native.NativeTransform, tmp_path: Path
) -> None:
    items = [b"abc"] * 90 + [b"z"] + [b"abc"] * 5
    columns = {"letters": {"width": 20}}
    with pytest.raises(hr.HeadraceError) as caught:
        hr.convert(items, tmp_path / "a", transform=lines, columns=columns, progress=False)
    with pytest.raises(hr.HeadraceError) as expected:
        hr.convert(items, tmp_path / "b", transform=one_by_one(lines), version="1",
                   columns=columns, progress=False)  # fmt: skip
    assert str(caught.value) == str(expected.value)


def test_a_file_that_changed_since_it_was_listed_is_an_error(
    lines: hr.native.NativeTransform,
    paths: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look = native_parts.are_unchanged

    def look_and_change(parts: Any) -> bool:
        # At the first file, long before the last is looked at.
        Path(paths[-1]).write_text("something else")
        return look(parts)

    monkeypatch.setattr(native_parts, "are_unchanged", look_and_change)
    with pytest.raises(hr.InvalidError, match=r"299\.txt.*has changed"):
        hr.convert(paths, tmp_path / "out", transform=lines, shard_bytes="1KB")


# --- bfloat16, which numpy does not have ----------------------------------------------------------


def test_bfloat16_comes_as_tensors_of_torch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    bits = hr.native.load(BITS)
    numbers = torch.tensor([1.5, -2.0, 3.25, 0.0], dtype=torch.bfloat16)
    content = numbers.view(torch.int16).numpy().tobytes()
    found = bits(content)
    assert torch.equal(found["pair"], numbers[None, :2])
    assert torch.equal(found["numbers"].values, numbers)
    assert torch.equal(found["weights"].values, numbers)
    made = [
        hr.from_arrays(**found),
        hr.from_items([content], bits),
        hr.convert([content], tmp_path / "out", transform=bits, progress=False),
    ]
    for ds in made:
        assert {ds.schema[name].dtype for name in ("pair", "numbers", "weights")} == {"bfloat16"}
        shown = ds.with_layout(weights="dense", numbers="padded")
        batch = next(iter(hr.Loader(shown, batch_size=1)))
        assert torch.equal(batch["pair"], numbers[None, :2])
        assert torch.equal(batch["weights"][0, :4], numbers)


def test_bfloat16_without_torch_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(hr.MissingDependencyError, match=r"'pair', which is bfloat16.*pip"):
        hr.native.load(BITS)

"""Rows of a store are those of the directory: they come into a cache when they are wanted."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cache_files import cached, watched
from object_stores import S3, Answer, http_server

import headrace as hr
from headrace.stores import ObjectStore, open_store

ROWS = 300
_FAST = {"retry_config": {"max_retries": 0}}


def columns(first: int, rows: int) -> dict[str, Any]:
    """Rows of every kind, told apart by their numbers."""
    numbers = np.arange(first, first + rows)
    return {
        "x": numbers[:, None] + np.arange(32, dtype=np.float32),
        "y": numbers,
        "text": [f"row {number}" * (number % 5) for number in numbers],
        "bag": hr.ragged([np.arange(number % 7, dtype=np.int32) for number in numbers]),
    }


def write(place: str, **options: Any) -> None:
    """Twelve shards in six versions."""
    for part in range(3):
        with hr.Writer(place, shard_bytes="12KB", **options) as writer:
            for half in range(2):
                writer.write(**columns(part * 100 + half * 50, 50))
                writer.commit()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset in a directory."""
    path = tmp_path_factory.mktemp("local") / "data"
    write(str(path))
    return path


def upload(local: Path, store: ObjectStore) -> None:
    """Copies a dataset into a store, as any tool does."""
    for path in local.rglob("*"):
        if path.is_file():
            store.put(str(path.relative_to(local)), path)


def memory_url() -> str:
    """The URL of a new store in memory."""
    return f"memory://{uuid.uuid4()}"


@pytest.fixture
def url(local: Path) -> str:
    """The same dataset in memory."""
    name = memory_url()
    upload(local, open_store(name))
    return name


def largest(local: Path) -> int:
    """The bytes of the largest shard."""
    return max(path.stat().st_size for path in (local / "shards").iterdir())


def same(found: Any, expected: Any) -> None:
    """Compares rows or batches."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            assert all(map(np.array_equal, found[name], value)), name
        else:
            assert np.array_equal(found[name], value), name


def test_rows_and_columns_are_those_of_the_directory(url: str, local: Path, tmp_path: Path) -> None:
    found = hr.open(url, cache=tmp_path / "cache", cache_bytes="1GB")
    expected = hr.open(local)
    assert (len(found), found.schema) == (len(expected), expected.schema)
    assert cached(tmp_path / "cache") == []
    same(found[77], expected[77])
    assert len(cached(tmp_path / "cache")) == 1
    same(found[40:160], expected[40:160])
    same(found[[299, 3, 150, 3]], expected[[299, 3, 150, 3]])
    for name in expected.schema:
        first, second = found[name][:], expected[name][:]
        assert len(first) == len(second)
        same({name: first}, {name: second})
    assert len(cached(tmp_path / "cache")) == len(expected.shard_ids)


@pytest.mark.parametrize("kind", ["file", "s3"])
def test_any_store_will_do(
    kind: str, local: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    options: dict[str, Any] | None = None
    if kind == "file":
        place = local.as_uri()
    else:
        s3: S3 = request.getfixturevalue("s3")
        upload(local, s3.open())
        place, options = s3.url(), s3.options
    found = hr.open(place, cache=tmp_path / "cache", storage_options=options)
    same(found[::7], hr.open(local)[::7])
    assert cached(tmp_path / "cache")


def test_labels_of_more_than_the_cache_holds_become_numbers(tmp_path: Path) -> None:
    place = memory_url()
    with hr.Writer(place, shard_bytes="16KB") as writer:
        for _ in range(10):
            writer.write(label=["odd", "even"] * 500, x=np.zeros((1000, 4), np.float32))
    ds = hr.open(place, cache=tmp_path, cache_bytes="150KB")
    encoded, classes = ds.encode_labels("label")
    assert classes == ["even", "odd"]
    assert encoded["label"][:].tolist() == [1, 0] * 5000


def test_views_of_a_store(url: str, local: Path, tmp_path: Path) -> None:
    def both(view: Callable[[hr.Dataset], hr.Dataset]) -> None:
        first = view(hr.open(url, cache=tmp_path / "cache"))
        same(first[:], view(hr.open(local))[:])

    both(lambda ds: ds.subset([5, 299, 5]))
    both(lambda ds: ds.subset(ds["y"][:] % 3 == 0))
    both(lambda ds: ds.split(0.3, seed=4)[1])
    both(lambda ds: hr.concat([ds, ds.subset(slice(0, 10))]))
    both(lambda ds: hr.windows(ds.select_columns(["x", "y"]), length=7, stride=3))
    both(lambda ds: ds.select_columns(["x", "y"]).cast(x="float64").with_row_ids("row"))
    both(lambda ds: ds.filter(lambda batch: batch["y"] > 200))
    both(lambda ds: ds.select_shards(ds.shard_ids[::-1]))
    both(lambda ds: list(ds.shards())[2])
    both(lambda ds: ds.with_columns(y=hr.clip(10, 200)))
    both(lambda ds: ds.encode_labels("y")[0])
    both(lambda ds: hr.zip([ds, ds.select_columns(["y"]).rename(y="z")]))
    both(lambda ds: ds.select_columns(["y"]).rename(y="a").with_row_ids("b").stack(c=["a", "b"]))


def test_what_a_dataset_says_of_itself(url: str, local: Path, tmp_path: Path) -> None:
    found = hr.open(url, cache=tmp_path / "cache")
    expected = hr.open(local)
    assert found.shard_ids == expected.shard_ids
    assert found.version == expected.version == 6
    assert len(hr.open(url, version=2, cache=tmp_path / "cache")) == 100
    assert f"{len(found.shard_ids)} files" in repr(found)
    where, row = found.locate(77)
    assert where.startswith(f"{url}/shards/")
    assert (Path(where).name, row) == (Path(expected.locate(77)[0]).name, expected.locate(77)[1])
    assert np.array_equal(
        found.to_arrow().read_all().column("y"), expected.to_arrow().read_all().column("y")
    )
    parts = [[part.shard_ids for part in ds.split(0.5, by="file", seed=9)] for ds in (found,)]
    assert sum(len(part) for part in parts[0]) == len(found.shard_ids)


def test_a_state_goes_on_wherever_the_shards_lie(url: str, local: Path, tmp_path: Path) -> None:
    places = [hr.open(local), hr.open(url, cache=tmp_path / "cache")]

    def loader(ds: hr.Dataset) -> hr.Loader:
        return hr.Loader(ds.select_columns(["x", "y"]), batch_size=32, shuffle=True, seed=3)

    for saved, other in (places, places[::-1]):
        with loader(saved) as first:
            batches = iter(first)
            next(batches)
            state = first.state_dict()
            rest = [batch["y"].tolist() for batch in batches]
        with loader(other) as second:
            second.load_state_dict(state)
            assert [batch["y"].tolist() for batch in second] == rest
    changed = hr.open(url, version=5, cache=tmp_path / "cache")
    twice = hr.concat([changed, changed.subset(slice(0, 50))])
    with loader(twice) as third, pytest.raises(hr.InvalidError, match="content id"):
        third.load_state_dict(state)


def test_pickles_open_the_store_again(url: str, local: Path, tmp_path: Path) -> None:
    ds = hr.open(url, cache=tmp_path / "cache").subset([3, 290])
    for again in (pickle.loads(pickle.dumps(ds)), copy.deepcopy(ds)):
        same(again[:], hr.open(local)[[3, 290]])
        assert again.version == 6


def test_the_limit_holds_at_every_instant(url: str, local: Path, tmp_path: Path) -> None:
    limit = 2 * (largest(local) + 4096)
    ds = hr.open(url, cache=tmp_path / "cache", cache_bytes=limit)
    with watched(tmp_path / "cache") as seen:
        for first in range(0, ROWS, 10):
            assert ds["y"][first : first + 10].tolist() == list(range(first, first + 10))
    assert 0 < max(seen) <= limit


def test_more_rows_at_once_than_the_cache_holds(url: str, local: Path, tmp_path: Path) -> None:
    ds = hr.open(url, cache=tmp_path / "cache", cache_bytes=largest(local) + 8192)
    with pytest.raises(hr.InvalidError, match=r"cache_bytes.*shuffle=hr\.ShardShuffle"):
        ds["text"][::50]
    with pytest.raises(hr.InvalidError, match="cache"):
        hr.open(url, cache=tmp_path / "small", cache_bytes=4096)[0]


def test_a_shard_is_downloaded_once(url: str, tmp_path: Path) -> None:
    ds = hr.open(url, cache=tmp_path / "cache")
    ds[:]
    there = {path: path.stat().st_ino for path in cached(tmp_path / "cache")}
    assert len(there) == len(ds.shard_ids)
    ds[::-1]
    hr.open(url, cache=tmp_path / "cache")[:]
    assert {path: path.stat().st_ino for path in cached(tmp_path / "cache")} == there


def test_two_datasets_share_a_cache(url: str, local: Path, tmp_path: Path) -> None:
    other = memory_url()
    with hr.Writer(other) as writer:
        writer.write(z=np.arange(10))
    first = hr.open(url, cache=tmp_path / "cache")
    second = hr.open(other, cache=tmp_path / "cache")
    assert (second["z"][3], first["y"][3]) == (3, 3)
    same(first[:], hr.open(local)[:])
    assert second["z"][:].tolist() == list(range(10))


def test_the_private_cache_goes_with_the_dataset(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ds = hr.open(url)
    assert ds["y"][250] == 250
    assert len(cached(tmp_path)) == 1
    del ds
    for _ in range(100):  # a thread that waits for a job holds the shards for a moment
        time.sleep(0.05)
        gc.collect()
        hr.from_arrays(x=np.zeros(1))  # what the core has dropped is dropped here
        if not list(tmp_path.iterdir()):
            return
    pytest.fail("the folder is still there")


def break_shard(store: ObjectStore, key: str, how: str) -> bytes:
    """Spoils an object; returns its bytes."""
    data = store.get(key)
    if how == "missing":
        store.delete(key)
    elif how == "flipped":
        store.put(key, data[:1000] + bytes([data[1000] ^ 1]) + data[1001:])
    else:
        store.put(key, data[:-1] if how == "short" else data + b"\0")
    return data


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("missing", hr.NotFoundError, "does not exist"),
        ("flipped", hr.CorruptError, "another hash"),
        ("short", hr.HeadraceError, "gave"),
    ],
)
def test_a_broken_shard_is_named_and_read_when_it_is_repaired(
    how: str, kind: type[hr.HeadraceError], words: str, local: Path, url: str, tmp_path: Path
) -> None:
    expected = hr.open(local)
    store = open_store(url)
    ds = hr.open(url, cache=tmp_path / "cache")
    sid = Path(ds.locate(160)[0]).stem
    data = break_shard(store, f"shards/{sid}.arrow", how)
    with pytest.raises(kind, match=words) as caught:
        ds[160]
    assert sid in str(caught.value)
    assert url in str(caught.value)
    same(ds[0], expected[0])
    store.put(f"shards/{sid}.arrow", data)
    same(ds[160], expected[160])


def test_arguments_that_are_wrong(url: str, local: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    for place, arguments, words in [
        (url, {"cache": "s3://bucket/cache"}, "a disk of this machine"),
        (url, {"cache": 3}, "a disk of this machine"),
        (url, {"cache_bytes": "many"}, "cache_bytes"),
        (url, {"io": "pread"}, "drop it"),
        (url, {"columns": {"x": 3}}, "columns="),
        (local, {"cache": str(tmp_path)}, "URLs of stores"),
        (local, {"storage_options": {"region": "x"}}, "URLs of stores"),
        (f"{url}/nothing", {}, "no dataset of shards"),
        (f"{url}?sig=CANARY", {}, "came with"),
    ]:
        with pytest.raises(hr.HeadraceError, match=words) as caught:
            hr.open(place, **arguments)  # type: ignore[arg-type]
        assert "CANARY" not in str(caught.value)
    ds = hr.open(url, cache=file)
    with pytest.raises(hr.InvalidError, match="not a directory"):
        ds[0]
    with pytest.raises(hr.HeadraceError):
        hr.open([url, url])


def test_compressed_shards_are_expanded_in_the_cache(local: Path, tmp_path: Path) -> None:
    place = memory_url()
    write(place, compression="zstd")
    same(hr.open(place, cache=tmp_path / "cache")[:], hr.open(local)[:])


def test_a_conversion_returns_the_dataset_in_the_store() -> None:
    place = memory_url()
    ds = hr.convert(range(3), place, transform=lambda n: {"x": [n, n]}, progress=False)
    assert ds["x"][:].tolist() == [0, 0, 1, 1, 2, 2]


def test_rows_are_read_by_many_threads(url: str, tmp_path: Path) -> None:
    ds = hr.open(url, cache=tmp_path / "cache")
    found: list[list[int]] = []

    def read(step: int) -> None:
        found.append(ds["y"][::step].tolist())

    threads = [threading.Thread(target=read, args=(step,)) for step in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(list(range(0, ROWS, step)) for step in range(1, 9))


@pytest.fixture
def refusing(local: Path) -> Iterator[str]:
    """A web server of the dataset that wants credentials for shards."""

    def answer(_: str, path: str, __: dict[str, str]) -> Answer:
        file = local / path.lstrip("/").removeprefix("data/")
        if "/shards/" in path:
            return 403, {}, b"<Code>AccessDenied</Code> CANARY"
        if not file.is_file():
            return 404, {}, b""
        return 200, {"Last-Modified": "Sat, 01 Jan 2022 00:00:00 GMT"}, file.read_bytes()

    with http_server(answer) as server:
        yield server


def test_no_message_shows_a_secret(refusing: str, tmp_path: Path) -> None:
    options = {"client_options": {"default_headers": {"x-token": "CANARY"}}, **_FAST}
    ds = hr.open(f"{refusing}/data", cache=tmp_path / "cache", storage_options=options)
    with pytest.raises(hr.PermissionDeniedError, match="access was denied") as caught:
        ds[0]
    assert ds.shard_ids[0] in str(caught.value)
    shown = [str(caught.value), repr(ds), repr(ds._made.recipe), str(hr.Loader(ds).state_dict())]
    shown += [str(path) for path in tmp_path.rglob("*")]
    assert "CANARY" not in "".join(shown)


def test_a_cache_that_cannot_be_written(url: str, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(hr.HeadraceError, match=str(tmp_path)):
        hr.open(url, cache=tmp_path / "cache")[0]


def test_a_cache_that_was_emptied_is_filled_again(url: str, local: Path, tmp_path: Path) -> None:
    for _ in range(2):
        same(hr.open(url, cache=tmp_path / "cache")[:], hr.open(local)[:])
        shutil.rmtree(tmp_path / "cache")

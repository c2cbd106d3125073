"""Every kind of store does the same: objects come back, puts are whole, one creator wins."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
import uuid
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from object_stores import S3, http_server

import headrace as hr
from headrace.stores import ObjectInfo, ObjectStore, open_store
from headrace.stores.fsspec_store import FsspecStore
from headrace.stores.store_url import check_url, local_path, shown

LARGE = 40_000_000  # more than one part


@pytest.fixture(params=["memory", "file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return open_store(f"memory://{uuid.uuid4()}")
    if request.param == "file":
        return open_store(f"file://{tmp_path}/files")
    s3: S3 = request.getfixturevalue("s3")
    return s3.open("some/where")


def test_what_is_put_comes_back(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "local"
    path.write_bytes(b"of a file")
    store.put("a/b", b"bytes")
    store.put("a/b", b"other bytes")
    store.put("a/c", path)
    store.put("empty", b"")
    assert (store.get("a/b"), store.get("a/c"), store.get("empty")) == (
        *(b"other bytes", b"of a file"),
        b"",
    )


def test_large_objects_go_in_parts_and_come_in_ranges(store: ObjectStore, tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(LARGE)
    path = tmp_path / "local"
    path.write_bytes(data)
    store.put("large", path)
    assert store.get("large") == data
    assert max(map(len, store.pieces("large"))) < LARGE
    assert store.head("large").size == LARGE


def test_ranges_are_those_bytes(store: ObjectStore) -> None:
    store.put("a", bytes(range(100)))
    etag = store.head("a").etag
    for start, stop in (0, 3), (90, 100), (5, 5):
        found = b"".join(store.stream("a", start, stop, etag=etag))
        assert found == bytes(range(start, stop))
    for start, stop in (90, 101), (100, 110):
        with pytest.raises((hr.TruncatedError, hr.IoError)) as caught:
            list(store.stream("a", start, stop))
        assert caught.value.file == store.url_of("a")


def test_an_object_that_was_replaced_is_noticed(store: ObjectStore) -> None:
    store.put("a", b"first")
    etag = store.head("a").etag
    store.put("a", b"second")
    with pytest.raises(hr.ChangedError, match="another object"):
        list(store.stream("a", 0, 3, etag=etag))


def test_of_many_who_create_one_does(store: ObjectStore) -> None:
    done: list[bool] = []

    def create(number: int) -> None:
        done.append(store.put_if_absent("a", str(number).encode()))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 15 + [True]


def test_lists_hold_what_is_below_a_folder(store: ObjectStore) -> None:
    for key in ("x/1", "x/y/2", "xy/3", "4"):
        store.put(key, key.encode())
    assert {found.key for found in store.list("x")} == {"x/1", "x/y/2"}
    every = {found.key: found.size for found in store.list()}
    assert every == {"x/1": 3, "x/y/2": 5, "xy/3": 4, "4": 1}


def test_what_is_missing_is_named(store: ObjectStore) -> None:
    for ask in (
        lambda: store.get("no"),
        lambda: store.head("no"),
        lambda: list(store.stream("no", 0, 1)),
    ):
        with pytest.raises(hr.NotFoundError, match="no cannot be read: it does not exist") as found:
            ask()
        assert found.value.file == f"{store.url}/no"
    store.put("a", b"")
    store.delete("a")
    store.delete("a")
    assert list(store.list()) == []


def test_small_objects_come_together_and_large_ones_do_not(store: ObjectStore) -> None:
    for key, size in ("a", 3), ("b", 4), ("c", 0):
        store.put(key, bytes(size))
    assert store.get_small(["b", "c", "a"], 3) == [None, b"", bytes(3)]
    with pytest.raises(hr.NotFoundError):
        store.get_small(["a", "no"], 3)


def test_deletions_go_in_lots_of_which_all_end(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"memory://{uuid.uuid4()}")
    begun: list[Future[None]] = []

    def begin_delete(key: str) -> Future[None]:
        begun.append(Future())
        assert sum(not deletion.done() for deletion in begun) <= 64
        fails = key == "70"
        result = hr.IoError("no") if fails else None
        done = begun[-1].set_exception if fails else begun[-1].set_result
        threading.Timer(0.01 if fails else 0.1, done, [result]).start()
        return begun[-1]

    monkeypatch.setattr(store, "begin_delete", begin_delete)
    with pytest.raises(hr.IoError):
        store.delete_all([str(key) for key in range(200)])
    assert len(begun) == 128, "after a failure no more are begun"
    assert all(deletion.done() for deletion in begun)


def test_stores_are_pickled(store: ObjectStore) -> None:
    if store.url.startswith("memory"):
        pytest.skip("what is in the memory of a process stays there")
    store.put("a", b"1")
    again = pickle.loads(pickle.dumps(store))
    assert (again.url, again.get("a")) == (store.url, b"1")


def test_what_is_not_given_comes_from_the_environment(
    s3: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.options["endpoint"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", s3.options["region"])
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.options["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.options["secret_access_key"])
    open_store(s3.url()).put("a", b"1")
    assert s3.open().get("a") == b"1"


def test_memory_lives_as_long_as_the_process() -> None:
    url = f"memory://{uuid.uuid4()}/data"
    open_store(url).put("a", b"1")
    assert open_store(url + "/").get("a") == b"1"


def test_fsspec_reads_what_obstore_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(bytes(range(10)))
    store = FsspecStore(fsspec.filesystem("file"), str(tmp_path), "sftp://host/data")
    assert store.get("sub/a") == bytes(range(10))
    info = store.head("sub/a")
    assert (info.key, info.size) == ("sub/a", 10)
    assert [found.key for found in store.list()] == ["sub/a"]
    assert store.get_small(["sub/a", "sub/a"], 10) == [bytes(range(10))] * 2
    assert store.get_small(["sub/a"], 9) == [None]
    assert b"".join(store.stream("sub/a", 2, 4, etag=info.etag)) == b"\2\3"
    assert list(store.stream("sub/a", 0, 0, etag=info.etag)) == []
    with pytest.raises(hr.ChangedError, match="sftp://host/data/sub/a"):
        list(store.stream("sub/a", 2, 4, etag="another"))
    with pytest.raises(hr.TruncatedError):
        list(store.stream("sub/a", 2, 20))
    with pytest.raises(hr.NotFoundError, match="sftp://host/data/b cannot be read"):
        store.get("b")
    for write in (
        lambda: store.put("a", b""),
        lambda: store.put_if_absent("a", b""),
        lambda: store.delete("a"),
    ):
        with pytest.raises(hr.UnsupportedError, match="write to s3://"):
            write()


def test_web_servers_are_read() -> None:
    def answer(
        method: str, path: str, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if path != "/data/a":
            return 404, {}, b""
        body = b"0123456789"
        if span := headers.get("Range") or headers.get("range"):
            start, stop = map(int, span.removeprefix("bytes=").split("-"))
            content = {"Content-Range": f"bytes {start}-{stop}/10", "ETag": '"e"'}
            return 206, content, body[start : stop + 1]
        return 200, {"ETag": '"e"'}, body

    with http_server(answer) as url:
        store = open_store(f"{url}/data/")
        assert store.get("a") == b"0123456789"
        assert b"".join(store.stream("a", 3, 5)) == b"34"
        assert store.head("a") == ObjectInfo("a", 10, '"e"', store.head("a").modified)
        with pytest.raises(hr.NotFoundError):
            store.head("b")


def test_a_server_that_ignores_ranges_is_an_error() -> None:
    with http_server(lambda *_: (200, {}, b"0123456789")) as url:
        store = open_store(url)
        with pytest.raises(hr.HeadraceError) as caught:
            list(store.stream("a", 3, 5))
        assert caught.value.file == f"{url}/a"


def test_more_bytes_than_were_asked_for_are_an_error() -> None:
    headers = {"Content-Range": "bytes 3-4/10", "ETag": '"e"'}
    with http_server(lambda *_: (206, headers, b"3456789")) as url:
        found: list[memoryview] = []
        with pytest.raises(hr.CorruptError, match="7 bytes or more where 2 from byte 3") as caught:
            found.extend(open_store(url).stream("a", 3, 5))
    assert (found, caught.value.file, caught.value.offset) == ([], f"{url}/a", 3)


@pytest.mark.parametrize(
    ("url", "options", "error", "said"),
    [
        ("data", None, hr.InvalidError, "a URL such as"),
        ("s3://", None, hr.InvalidError, "no bucket"),
        ("s3://k:CANARY@bucket/x", None, hr.InvalidError, "credentials as storage_options"),
        ("https://h/x?sig=CANARY", None, hr.InvalidError, "credentials as storage_options"),
        ("s3://bucket/x", {"no_such": "CANARY"}, hr.InvalidError, "no_such"),
        ("s3://bucket/x", ["CANARY"], hr.InvalidError, "a dict"),
        ("https://h/x", {"token": "CANARY"}, hr.InvalidError, "token"),
        ("https://h/x", {"token": "CANARY"}, hr.InvalidError, "none but client_options"),
        ("s3://bucket/x", {"key": "CANARY"}, hr.InvalidError, "access_key_id"),
        ("az://container/x", None, hr.InvalidError, "Azure needs account_name"),
        ("gs://b/x", {"key": "CANARY"}, hr.InvalidError, "service_account_key"),
        ("nonsense://bucket/x", {"key": "CANARY"}, hr.InvalidError, "fsspec"),
        ("file://host/x", None, hr.InvalidError, "on this machine"),
    ],
)
def test_urls_and_options_that_cannot_be_are_refused(
    url: str, options: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        open_store(url, options)
    assert "CANARY" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"


def test_urls_are_shown_without_secrets() -> None:
    assert shown("S3://k:v@b/p?q#f") == "s3://b/p"
    assert check_url("s3://b/p//") == "s3://b/p"
    azure = "abfss://container@account.dfs.core.windows.net/data"
    assert (check_url(azure), shown(azure + "?sig=v")) == (azure, azure)
    assert shown("abfss://k:v@account/data") == "abfss://account/data"
    assert local_path("file://localhost/a/../b%20c/") == "/b c"


@pytest.mark.parametrize(
    "call",
    [
        lambda url: hr.open([url]),
        lambda url: hr.open({"x": url}),
        lambda url: hr.open(f"simplecache::{url}"),
        lambda url: hr.memmap(url, dtype="float32"),
        hr.files,
        lambda url: hr.files([url]),
        lambda url: hr.convert(url, "directory", progress=False),
        lambda url: hr.convert([url], "directory", progress=False),
        lambda url: hr.expand(url, "directory"),
        hr.read_svmlight,
        lambda url: hr.open("memory://data", cache=url),
    ],
)
@pytest.mark.parametrize("name", ["data", "data/*.npy"])
def test_a_url_where_a_path_is_wanted_is_told_so_without_its_secrets(call: Any, name: str) -> None:
    with pytest.raises(hr.HeadraceError) as caught:
        call(f"https://user:CANARY@host/{name}?sig=CANARY")
    assert isinstance(caught.value, (hr.InvalidError, hr.UnsupportedError))
    assert f"https://host/{name}'" in str(caught.value)
    assert "CANARY" not in f"{caught.value!r}{caught.value.file}{caught.value.__cause__!r}"


def test_without_obstore_the_error_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "obstore.py").write_text("raise ImportError('not here')")
    script = """
import headrace as hr
try:
    hr.Writer("s3://bucket/data")
except hr.MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pip install obstore" in done.stdout

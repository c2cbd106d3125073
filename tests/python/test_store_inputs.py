"""Bad input to `hr.open(url)`: a typed error that says what to do, and none that shows a secret."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fault_server import FaultServer, fault_server
from file_modes import modes_that_count
from object_stores import S3

import headrace as hr
from headrace.stores.manifests import manifest_key

CANARIES = ("AKIACANARY", "SECRETCANARY", "TOKENCANARY", "QUERYCANARY", "USERCANARY")
SECRETS = {
    "access_key_id": "AKIACANARY",
    "secret_access_key": "SECRETCANARY",
    "session_token": "TOKENCANARY",
}
ROWS = 600


def write(folder: Path, first: int = 0) -> None:
    """Adds a version of several shards, whose rows begin at `first`."""
    with hr.Writer(folder, shard_bytes="8KB") as writer:
        y = np.arange(first, first + ROWS)
        writer.write(x=np.stack([y] * 8, axis=1).astype(np.float32), y=y)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultServer]:
    write(tmp_path / "store" / "data")
    with fault_server(tmp_path / "store") as running:
        yield running


@pytest.fixture
def open_data(server: FaultServer, tmp_path: Path) -> Callable[..., hr.Dataset]:
    """Opens the dataset, or another one, with secrets and short times."""

    def make(name: str = "data", **options: Any) -> hr.Dataset:
        given: dict[str, Any] = {
            "cache": tmp_path / "cache",
            "cache_bytes": "10MB",
            "fetch_timeout": 1.0,
            "storage_options": {**server.options, **SECRETS, "skip_signature": False},
        }
        return hr.open(f"s3://bucket/{name}", **{**given, **options})

    return make


def says_nothing(text: object) -> bool:
    return not [canary for canary in CANARIES if canary in str(text)]


def failure_of(call: Callable[[], object], kind: type[hr.HeadraceError]) -> str:
    """What a call raises, as a traceback shows it; it shows no secret."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert type(error) is kind
    shown = f"{error} {error!r} {vars(error)} {error.__cause__!r} {error.__context__!r}"
    assert says_nothing(shown), shown
    return str(error)


def test_a_bucket_that_is_none(s3: S3) -> None:
    text = failure_of(
        lambda: hr.open("s3://nowhere/data", storage_options=s3.options), hr.NotFoundError
    )
    assert "s3://nowhere/data" in text
    assert "the bucket does not exist" in text


def test_a_place_without_a_dataset(s3: S3) -> None:
    text = failure_of(
        lambda: hr.open(s3.url("nothing"), storage_options=s3.options), hr.NotFoundError
    )
    assert "is no dataset of shards" in text


def test_a_version_that_there_is_not(open_data: Callable[..., hr.Dataset]) -> None:
    assert "version" in failure_of(lambda: open_data(version=7), hr.NotFoundError)


def test_no_credentials(open_data: Callable[..., hr.Dataset], monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    options = {
        "region": "us-east-1",
        "endpoint": "http://127.0.0.1:1",
        "client_options": {"connect_timeout": "200ms"},
        "retry_config": {"max_retries": 0},
    }
    text = failure_of(lambda: open_data(storage_options=options), hr.PermissionDeniedError)
    assert "there are no credentials" in text
    assert "storage_options=" in text


def test_credentials_that_expire_while_training(
    server: FaultServer, open_data: Callable[..., hr.Dataset]
) -> None:
    ds = open_data()
    ids = ds.shard_ids
    loader = hr.Loader(ds, batch_size=50, shuffle=False)
    server.inject("bucket", f"data/shards/{ids[-1]}.arrow", "expired")
    text = failure_of(lambda: list(loader), hr.PermissionDeniedError)
    assert "have expired: fetch new ones" in text
    assert ids[-1] in text
    server.repair("bucket")
    assert [y for batch in loader for y in batch["y"].tolist()] == list(range(ROWS))


def test_a_cache_that_cannot_be_written(
    open_data: Callable[..., hr.Dataset], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o500)
    with modes_that_count():
        text = failure_of(lambda: open_data()["y"][:], hr.IoError)
    assert str(cache) in text
    assert "Permission denied" in text
    cache.chmod(0o700)
    assert open_data()["y"][:].tolist() == list(range(ROWS))


def test_a_cache_that_is_a_file(open_data: Callable[..., hr.Dataset], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")
    assert "cache" in failure_of(lambda: open_data()["y"][:], hr.InvalidError)
    assert (tmp_path / "cache").read_text() == "mine"


def test_a_cache_that_is_smaller_than_a_shard(open_data: Callable[..., hr.Dataset]) -> None:
    text = failure_of(lambda: open_data(cache_bytes="4KB")["y"][:], hr.InvalidError)
    assert "cache_bytes" in text


@pytest.mark.parametrize("value", [0, -1, "soon", float("nan"), True])
def test_a_time_that_is_none(open_data: Callable[..., hr.Dataset], value: object) -> None:
    assert "fetch_timeout" in failure_of(lambda: open_data(fetch_timeout=value), hr.InvalidError)


def test_a_manifest_of_another_dataset_names_no_shard_of_this_one(
    open_data: Callable[..., hr.Dataset], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    for first in 0, ROWS:
        write(store / "other", first)
    shutil.copy(store / "other" / manifest_key(2), store / "data" / manifest_key(2))
    (store / "data" / "latest").unlink()
    text = failure_of(lambda: open_data()["y"][:], hr.NotFoundError)
    assert hr.open(str(store / "other")).shard_ids[0] in text


def test_another_dataset_in_its_place_is_not_read_from_the_cache(
    open_data: Callable[..., hr.Dataset], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    before = open_data()
    assert before["y"][:].tolist() == list(range(ROWS))
    write(store / "other", ROWS)
    shutil.rmtree(store / "data")
    (store / "other").rename(store / "data")
    assert open_data()["y"][:].tolist() == list(range(ROWS, 2 * ROWS))
    assert before["y"][:].tolist() == list(range(ROWS))  # as before, from the cache


def test_a_file_of_an_earlier_start_of_the_machine_is_checked(
    server: FaultServer, open_data: Callable[..., hr.Dataset], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    ds = open_data()
    assert ds["y"][:].tolist() == list(range(ROWS))
    del ds
    (boot,) = {path.parent for path in cache.glob("*/*.shard")}
    earlier = boot.rename(boot.with_name("00000000-0000-4000-8000-000000000000"))
    first, second, *_ = sorted(earlier.glob("*.shard"), key=lambda path: -path.stat().st_size)
    assert first.stat().st_size == second.stat().st_size
    shutil.copy(first, second)  # another shard of the same size
    before = server.downloads("bucket")
    assert open_data()["y"][:].tolist() == list(range(ROWS))
    assert server.downloads("bucket") == before + 1


@pytest.mark.parametrize(
    "url",
    [
        "s3://USERCANARY:SECRETCANARY@bucket/data",
        "https://USERCANARY@host/data",
        "https://host/data?sig=QUERYCANARY",
        "s3://bucket/data#QUERYCANARY",
    ],
)
def test_a_url_with_a_secret_is_refused(url: str) -> None:
    text = failure_of(lambda: hr.open(url), hr.InvalidError)
    assert "storage_options=" in text


def test_secrets_are_nowhere(
    open_data: Callable[..., hr.Dataset],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    ds = open_data()
    loader = hr.Loader(ds, batch_size=50, shuffle=False)
    iterator = iter(loader)
    next(iterator)
    shown = [repr(ds), str(ds), repr(loader), loader.state_dict(), loader.stats()]
    names = [str(path) for path in (tmp_path / "cache").rglob("*")]
    contents = [p.read_bytes() for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    out, err = capfd.readouterr()
    assert names
    for text in (*shown, *names, *contents, caplog.text, out, err):
        assert says_nothing(text), text

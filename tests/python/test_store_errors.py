"""What a store answers becomes a typed error that says what to do, and none says a secret."""

from __future__ import annotations

import io
import logging
import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest
from object_stores import Answer, http_server

import headrace as hr
from headrace.dataset_place import place_of
from headrace.stores import ObjectStore, background_loop, open_store
from headrace.stores.manifests import fetch_version
from headrace.stores.store_errors import failure_of, is_retryable

CANARIES = ("AKIACANARY", "SECRETCANARY", "TOKENCANARY", "SIGCANARY")


def error_body(code: str) -> bytes:
    # Some services repeat what they were sent.
    return f"<Error><Code>{code}</Code><Message>{' '.join(CANARIES)}</Message></Error>".encode()


def s3_store(endpoint: str, **options: Any) -> ObjectStore:
    return open_store(
        "s3://bucket/data",
        {
            "endpoint": endpoint,
            "region": "us-east-1",
            "access_key_id": "AKIACANARY",
            "secret_access_key": "SECRETCANARY",
            "session_token": "TOKENCANARY",
            "retry_config": {"max_retries": 0},
            **options,
        },
    )


def failures(store: ObjectStore) -> Iterator[hr.HeadraceError]:
    """What each method raises."""
    for ask in (
        lambda: store.get("a"),
        lambda: store.head("a"),
        lambda: list(store.stream("a", 0, 1, etag='"x"')),
        lambda: store.put("a", b""),
        lambda: store.put_if_absent("a", b""),
        lambda: list(store.list()),
    ):
        with pytest.raises(hr.HeadraceError) as caught:
            ask()
        yield caught.value


def shown_by(error: BaseException) -> str:
    """All that a program may print of an error."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logger = logging.Logger("canary")
    logger.addHandler(handler)
    try:
        raise error
    except BaseException:
        logger.exception("failed")
        text = traceback.format_exc()
    chain = [error, error.__cause__, error.__context__]
    return f"{chain} {error} {error!r} {error.args} {vars(error)} {text} {log.getvalue()}"


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "AccessDenied", hr.PermissionDeniedError, "access was denied"),
        (400, "ExpiredToken", hr.PermissionDeniedError, "have expired: fetch new ones"),
        (403, "InvalidAccessKeyId", hr.PermissionDeniedError, "check the credentials"),
        (403, "RequestTimeTooSkewed", hr.PermissionDeniedError, "set this machine's clock"),
        (401, "Whatever", hr.PermissionDeniedError, "check the credentials"),
        (404, "NoSuchBucket", hr.NotFoundError, "the bucket does not exist"),
        (500, "InternalError", hr.IoError, "500, InternalError"),
        (503, "SlowDown", hr.IoError, "503, SlowDown"),
        (301, "PermanentRedirect", hr.InvalidError, "in another region"),
        (301, "PermanentRedirect", hr.InvalidError, "give the bucket's as region"),
    ],
)
def test_what_a_store_answers_is_a_typed_error(
    status: int, code: str, kind: type[hr.HeadraceError], said: str
) -> None:
    def answer(method: str, *_: object) -> Answer:
        return status, {}, error_body(code)

    with http_server(answer) as url:
        store = s3_store(url)
        found = list(failures(store))
        if status == 404:
            store.delete("a")
        else:
            with pytest.raises(kind) as caught:
                store.delete("a")
            found.append(caught.value)
    for error in found:
        assert type(error) is kind
        assert error.file.startswith("s3://bucket/data")
        shown = shown_by(error)
        assert not [canary for canary in CANARIES if canary in shown], shown
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))
    assert any(said in str(error) for error in found), [str(error) for error in found]


def test_a_store_that_is_not_there_is_said_to_be_unreached() -> None:
    with http_server(lambda *_: (200, {}, b"")) as url:
        pass  # nobody listens there any more
    for error in failures(s3_store(url)):
        assert "no connection" in str(error)
        assert "check the URL, the endpoint" in str(error)
        assert is_retryable(error)


def test_a_bucket_of_another_region_is_named_with_it() -> None:
    body = error_body("AuthorizationHeaderMalformed").replace(
        b"</Error>", b"<Region>eu-west-1</Region></Error>"
    )
    with http_server(lambda *_: (400, {}, body)) as url:
        for ask in (hr.open, hr.Writer):
            with pytest.raises(hr.InvalidError, match="give 'eu-west-1' as region") as caught:
                ask(
                    "s3://bucket/data",
                    storage_options={"endpoint": url, "region": "x", "skip_signature": True},
                )
            assert not [canary for canary in CANARIES if canary in shown_by(caught.value)]


@pytest.mark.parametrize(
    ("code", "advice"),
    [("InvalidAccessKeyId", "check the credentials"), ("RequestTimeTooSkewed", "machine's clock")],
)
def test_who_may_not_open_a_dataset_is_told_why(code: str, advice: str) -> None:
    with (
        http_server(lambda *_: (403, {}, error_body(code))) as url,
        pytest.raises(hr.PermissionDeniedError, match=f"403, {code}.*{advice}"),
    ):
        fetch_version(s3_store(url), "nowhere")


def test_where_there_are_no_credentials_nobody_looks_for_them_twice() -> None:
    asked = 0

    class Nowhere(ObjectStore):
        def pieces(self, key: str) -> Iterator[memoryview]:
            nonlocal asked
            asked += 1
            url = "http://169.254.169.254/latest/api/token"
            raise failure_of(OSError(f"Error performing PUT {url}"), doing="read", url=key)

        head = stream = put = begin_put = put_if_absent = list = begin_delete = close = pieces  # type: ignore[assignment]

    with pytest.raises(hr.PermissionDeniedError, match=r"no credentials.*public bucket"):
        fetch_version(Nowhere("s3://bucket/data"), "nowhere")
    assert asked == 1


def test_a_credential_provider_that_fails_is_named_without_what_it_said() -> None:
    def provider() -> dict[str, str]:
        raise RuntimeError("SECRETCANARY")

    with http_server(lambda *_: (200, {}, b"")) as url:
        options = {"endpoint": url, "region": "x", "credential_provider": provider}
        for ask in (hr.open, hr.Writer):
            with pytest.raises(hr.PermissionDeniedError) as caught:
                ask("s3://bucket/data", storage_options=options)
            assert "its credential_provider= failed (RuntimeError)" in str(caught.value)
            assert not [canary for canary in CANARIES if canary in shown_by(caught.value)]


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_server_that_has_a_page_for_every_name_is_no_store(scheme: str) -> None:
    page = {"ETag": '"1"', "Last-Modified": formatdate(0, usegmt=True)}
    with http_server(lambda *_: (200, page, b"<html>Log in</html>")) as url:
        store = s3_store(url) if scheme == "s3" else open_store(f"{url}/data")
        with pytest.raises(hr.CorruptError, match="it is no store, but perhaps a page to log in"):
            fetch_version(store, "nowhere")


def test_a_store_that_stalls_is_a_timeout() -> None:
    end = threading.Event()

    def answer(*_: object) -> Answer:
        end.wait(10)
        return 200, {}, b""

    with http_server(answer) as url:
        store = s3_store(url, client_options={"timeout": "200ms"})
        with pytest.raises(hr.StoreTimeoutError, match="did not answer in time") as caught:
            store.get("a")
        end.set()
    assert isinstance(caught.value, TimeoutError)
    assert is_retryable(caught.value)


@pytest.mark.parametrize("scheme", ["s3", "http"])
def test_a_store_without_ranges_is_said_to_have_none(scheme: str) -> None:
    headers = {"ETag": '"e"', "Last-Modified": formatdate(0, usegmt=True)}
    with http_server(lambda *_: (200, headers, b"0123456789")) as url:
        store = s3_store(url) if scheme == "s3" else open_store(f"{url}/data")
        with pytest.raises(hr.CorruptError, match="it has no ranges of bytes") as caught:
            list(store.stream("a", 2, 8))
    assert is_retryable(caught.value)


@pytest.mark.parametrize("body", [b"", b"0123456789"])
def test_a_store_without_ranges_of_which_a_busy_process_asks_a_body_too_late(body: bytes) -> None:
    async def be_busy() -> None:
        time.sleep(0.8)  # nothing else goes on meanwhile

    def answer(*_: object) -> Answer:
        background_loop.submit(be_busy)
        return 200, {"ETag": '"e"', "Last-Modified": formatdate(0, usegmt=True)}, body

    with http_server(answer) as url:
        store = s3_store(url, client_options={"timeout": "500ms"}, retry_config=None)
        with pytest.raises(hr.CorruptError, match="other bytes than it was asked for"):
            store.get("a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # As obstore has them of an https:// that is http://, and of a certificate of one's own.
        ("HTTP error: error sending request Debug { kind: Connect, InvalidMessage }", "no conn"),
        ("kind: Connect, Custom { error: InvalidCertificate(UnknownIssuer) }", "no certificate"),
    ],
)
def test_a_connection_that_cannot_be_made_is_said_to_be_that(text: str, said: str) -> None:
    error = failure_of(OSError(text), doing="read", url="https://h/k")
    assert said in str(error)
    assert "check the URL, the endpoint" in str(error)


def test_a_signed_url_in_a_clients_error_is_not_shown() -> None:
    class GenericError(Exception):
        """As obstore's."""

    text = "Error performing GET https://h/k?X-Amz-Signature=SIGCANARY in 3ms - status code: 500"
    error = failure_of(GenericError(text), doing="read", url="https://h/k")
    assert str(error) == "https://h/k cannot be read: the store failed (500)"
    assert "SIGCANARY" not in shown_by(error)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (hr.IoError("x"), True),
        (hr.StoreTimeoutError("x"), True),
        (hr.ChangedError("x"), True),
        (hr.TruncatedError("x"), True),
        (hr.CorruptError("x"), True),
        (hr.NotFoundError("x"), False),
        (hr.PermissionDeniedError("x"), False),
        (hr.InvalidError("x"), False),
        (hr.UnsupportedError("x"), False),
    ],
)
def test_what_may_pass_is_tried_again(error: hr.HeadraceError, retryable: bool) -> None:
    assert is_retryable(error) is retryable


def test_secrets_are_in_no_repr() -> None:
    options = {"access_key_id": "AKIACANARY", "secret_access_key": "SECRETCANARY"}
    place = place_of("s3://bucket/data", options)
    shown = f"{place!r} {open_store('s3://bucket/data', {**options, 'region': 'x'})!r}"
    assert not [canary for canary in CANARIES if canary in shown], shown

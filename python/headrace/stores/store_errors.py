"""What a store's client raised, as errors of headrace: typed, and without a secret.

The text of a client's error may hold a signed URL or a header, so none of it is passed on but what
these patterns find: a status, and the code that the store gave. It is no cause or context of the
new error either, since loggers print these.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from headrace.errors import (
    ChangedError,
    CorruptError,
    HeadraceError,
    InvalidError,
    IoError,
    NotFoundError,
    PermissionDeniedError,
    StoreTimeoutError,
    TruncatedError,
    UnsupportedError,
)

_Result = TypeVar("_Result")

NO_BUCKET = "the bucket does not exist"
NO_CREDENTIALS = "there are no credentials"
_IN_OTHER_REGION = "the bucket is in another region than it was asked for in"

_STATUS = re.compile(r"(?:status(?: code)?:? |\bHTTP error: )(\d{3})\b", re.IGNORECASE)
_CODE = re.compile(r"<Code>([A-Za-z][A-Za-z0-9.]{0,63})</Code>")
_TIMED_OUT = re.compile(r"timed ?out|deadline has elapsed", re.IGNORECASE)
_BROKEN = re.compile(r"IncompleteBody|IncompleteMessage|ConnectionReset|BrokenPipe")
# The client wants a range of its own accord when it goes on with a body that broke off, or that was
# asked for after its time.
_OTHER_BYTES = re.compile(
    r"non-partial response|Content[-_]Range header|Requested \d+\.\.\d+, got \d"
    r"|Range request not supported",
    re.IGNORECASE,
)
# Of our own messages: the store is there, and may do the same a moment later.
_BUSY = re.compile(r"\((?:429|5\d\d)[,)]|\(the connection broke\)")
_IN_CIRCLES = re.compile(r"TooManyRedirects")
_UNREACHED = re.compile(
    r"ConnectError|error trying to connect|dns error|connection refused|kind: Connect\b", re.I
)
_UNTRUSTED = re.compile(r"InvalidCertificate|certificate verify failed", re.I)
# S3 sends who asks in a wrong region elsewhere, without a place, or cannot read what was signed.
_OTHER_REGION = re.compile(
    r"redirect without LOCATION|BareRedirect"
    r"|<Code>(?:PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint\w*)</Code>"
)
_REGION = re.compile(r"<Region>([a-z0-9-]{1,32})</Region>")
# Where clients look for credentials of a cloud's own machines, when nobody gave any.
_NO_CREDENTIALS = re.compile(
    r"169\.254\.(?:169\.254|170\.2)|metadata\.google\.internal|missing ?credential"
    r"|no ?credential|unable to locate credentials",
    re.IGNORECASE,
)
# What the user's function raised; its text may be a secret.
_PROVIDER = re.compile(r"credential provider: .*type: <class '([A-Za-z_][\w.]{0,99})'>", re.DOTALL)
_DENIED_CODES = frozenset(
    {
        *("AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken"),
        *("SignatureDoesNotMatch", "TokenRefreshRequired", "AuthenticationFailed"),
        *("AuthorizationFailure", "RequestTimeTooSkewed", "InvalidClientTokenId"),
    }
)
_ADVICE = {
    "ExpiredToken": "the credentials have expired: fetch new ones",
    "TokenRefreshRequired": "the credentials have expired: fetch new ones",
    "RequestTimeTooSkewed": "set this machine's clock",
}
_CHECK_CREDENTIALS = (
    "check the credentials in storage_options= or the environment, and that they allow this"
)
_GIVE_CREDENTIALS = (
    "give them in storage_options= or the environment, as credential_provider= where a profile or "
    "SSO has them, or skip_signature=True for a public bucket"
)
_BY_NAME: dict[str, type[HeadraceError]] = {
    "NotFoundError": NotFoundError,
    "FileNotFoundError": NotFoundError,
    "PermissionDeniedError": PermissionDeniedError,
    "UnauthenticatedError": PermissionDeniedError,
    "PermissionError": PermissionDeniedError,
    "PreconditionError": ChangedError,
    "NotSupportedError": UnsupportedError,
    "NotImplementedError": UnsupportedError,
    "InvalidPathError": InvalidError,
    "TimeoutError": StoreTimeoutError,
}
_BY_STATUS: dict[int, type[HeadraceError]] = {
    401: PermissionDeniedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: StoreTimeoutError,
    410: NotFoundError,
    412: ChangedError,
    501: UnsupportedError,
}
_WHAT: dict[type[HeadraceError], str] = {
    NotFoundError: "it does not exist",
    PermissionDeniedError: "access was denied",
    StoreTimeoutError: "the store did not answer in time",
    ChangedError: "it is another object than when it was first looked at",
    CorruptError: "the store sent other bytes than it was asked for",
    UnsupportedError: "the store has no such operation",
    InvalidError: "the store takes no such name",
    IoError: "the store failed",
}


def failure_of(error: BaseException, *, doing: str, url: str) -> HeadraceError:
    """Returns the error to raise for one of a client: `doing` to the object at `url` failed.

    Example:
        >>> failure_of(FileNotFoundError("https://h/k?sig=secret"), doing="read", url="https://h/k")
        NotFoundError('https://h/k cannot be read: it does not exist')
    """
    text = str(error)
    status = int(found[1]) if (found := _STATUS.search(text)) else None
    code = found[1] if (found := _CODE.search(text)) else None
    kind = _kind_of(error, text, status, code)
    facts = [str(fact) for fact in (status, code) if fact is not None]
    if found := _PROVIDER.search(text):
        facts = [found[1]]
    if kind is IoError and not facts:
        facts = [_symptom(text) or type(error).__name__]
    said = f"{url} cannot be {doing}: {_what(kind, text, code)}"
    if facts:
        said += f" ({', '.join(facts)})"
    advice = _advice(kind, text, code)
    if kind is UnsupportedError and doing == "written":
        advice = "write to s3://, gs://, az:// or to a directory, and copy it there"
    return kind(f"{said}; {advice}" if advice else said, file=url)


@contextlib.contextmanager
def naming(url: str, *, copy: str) -> Iterator[None]:
    """Lets errors about the folder `copy` name the store at `url`, of which it has copies."""
    failure: HeadraceError
    try:
        yield
        return
    except HeadraceError as error:
        if copy not in str(error):
            raise
        failure = error.at(copy, url)
    try:
        raise failure
    finally:
        del failure  # as in calling()


def is_retryable(error: HeadraceError) -> bool:
    """Whether the same request may succeed a moment later."""
    return isinstance(error, IoError | TruncatedError | CorruptError)


def is_busy(error: HeadraceError) -> bool:
    """Whether the store was reached, and is overloaded or restarts.

    Example:
        >>> error = failure_of(OSError("HTTP error: 503"), doing="read", url="https://h/k")
        >>> is_busy(error), is_busy(failure_of(OSError("dns error"), doing="read", url="https://h"))
        (True, False)
    """
    return isinstance(error, IoError) and _BUSY.search(str(error)) is not None


def calling(doing: str, url: str, call: Callable[[], _Result]) -> _Result:
    """Returns what `call` does, whose errors are then headrace's."""
    try:
        return call()
    except HeadraceError:
        raise
    except Exception as error:  # noqa: BLE001  # a client may raise anything
        failure = failure_of(error, doing=doing, url=url)
    # Outside of the block, so that the client's error is not the context of this one.
    try:
        raise failure
    finally:
        del failure  # a cycle with its own traceback would keep all callers' objects


async def awaiting(doing: str, url: str, call: Callable[[], Awaitable[_Result]]) -> _Result:
    """Returns what a request gives, as `calling`."""
    try:
        return await call()
    except HeadraceError:
        raise
    except Exception as error:  # noqa: BLE001  # a client may raise anything
        failure = failure_of(error, doing=doing, url=url)
    try:
        raise failure
    finally:
        del failure


def _kind_of(
    error: BaseException, text: str, status: int | None, code: str | None
) -> type[HeadraceError]:
    if _OTHER_REGION.search(text):
        return InvalidError
    if code in _DENIED_CODES or _NO_CREDENTIALS.search(text):
        return PermissionDeniedError
    if _OTHER_BYTES.search(text):
        return CorruptError
    for base in type(error).__mro__:
        if base.__name__ in _BY_NAME:
            return _BY_NAME[base.__name__]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return StoreTimeoutError if _TIMED_OUT.search(text) else IoError


def _symptom(text: str) -> str | None:
    """Returns what was wrong with a connection, as far as the client tells."""
    for pattern, found in (
        (_UNTRUSTED, "no certificate that this machine trusts"),
        (_UNREACHED, "no connection"),
        (_BROKEN, "the connection broke"),
        (_IN_CIRCLES, "it redirects in circles"),
    ):
        if pattern.search(text):
            return found
    return None


def _what(kind: type[HeadraceError], text: str, code: str | None) -> str:
    if code in ("NoSuchBucket", "ContainerNotFound"):
        return NO_BUCKET
    if _OTHER_REGION.search(text):
        return _IN_OTHER_REGION
    if kind is PermissionDeniedError and code is None and _NO_CREDENTIALS.search(text):
        return NO_CREDENTIALS
    if _PROVIDER.search(text):
        return "its credential_provider= failed"
    return _WHAT[kind]


def _advice(kind: type[HeadraceError], text: str, code: str | None) -> str:
    if _OTHER_REGION.search(text):
        found = _REGION.search(text)
        here = f"{found[1]!r}" if found else "the bucket's"
        return f"give {here} as region in storage_options=, or as AWS_REGION"
    if _PROVIDER.search(text):
        return ""
    if kind is PermissionDeniedError and _what(kind, text, code) == NO_CREDENTIALS:
        return _GIVE_CREDENTIALS
    if kind is PermissionDeniedError:
        return _ADVICE.get(code or "", _CHECK_CREDENTIALS)
    if kind is StoreTimeoutError or (kind is IoError and _UNREACHED.search(text)):
        return "check the URL, the endpoint in storage_options= and the network"
    if kind is CorruptError:
        return "if it always does, it has no ranges of bytes: copy the dataset to one that does"
    return ""

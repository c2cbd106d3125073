"""URLs of datasets in stores: which there are, and how they may be shown."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote, urlsplit

from headrace.errors import InvalidError

# Azure's URLs name the container where others name a user.
_CONTAINER_FIRST = ("abfs", "abfss")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(path: object) -> bool:
    """Whether a path names a place in a store.

    Example:
        >>> is_url("s3://bucket/corpus"), is_url("corpus"), is_url("C://corpus")
        (True, False, True)
    """
    return isinstance(path, str) and _URL.match(path) is not None


def shown(url: str) -> str:
    """Returns a URL as anybody may see it: without user, password, query and fragment.

    Example:
        >>> shown("https://user:password@host:8080/data?sig=secret#x")
        'https://host:8080/data'
    """
    scheme, _, rest = url.partition("://")
    authority, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    user, _, host = authority.rpartition("@")
    if user and ":" not in user and scheme.lower() in _CONTAINER_FIRST:
        host = authority
    return f"{scheme.lower()}://{host}{slash}{path}"


def check_is_path(path: object, *, where: str = "", column: str = "") -> None:
    """Raises InvalidError for a URL, which is not shown as it is: it may be a signed one.

    Args:
        path: What is to be a file of this machine, or a glob of such.
        where: How the message begins.
        column: The column that it is for.
    """
    if isinstance(path, str) and "://" in path and not os.path.lexists(path):
        url = shown(path)
        raise InvalidError(
            f"{where}{url!r} is a URL, and what is read here are files of this machine: hr.open "
            "takes the URL of one dataset of shards (hr.concat joins several), a function of yours "
            "gets what else a store has (hr.from_shards, hr.from_items); or copy it here",
            file=url,
            column=column,
        )


def scheme_of(url: str) -> str:
    """Returns the scheme, in lower case."""
    return url.partition("://")[0].lower()


def check_url(url: str) -> str:
    """Returns a URL that is fit for a store, without a slash at its end.

    Raises:
        InvalidError: If it holds credentials or a query, which messages and manifests must not.
    """
    if shown(url) != f"{scheme_of(url)}://{url.partition('://')[2]}":
        raise InvalidError(
            f"{shown(url)!r} came with a user, a password, a query or a fragment, which would show "
            "in every message: give credentials as storage_options=, or through the environment",
            file=shown(url),
        )
    if not url.partition("://")[2].strip("/") and scheme_of(url) not in ("memory", "file"):
        raise InvalidError(f"{url!r} names no bucket or host; give a URL such as s3://bucket/data")
    return url.rstrip("/")


def local_path(url: str) -> str:
    """Returns the path of a ``file://`` URL.

    Raises:
        InvalidError: If it names another host, or a path that is not absolute.

    Example:
        >>> local_path("file:///data/my%20corpus")
        '/data/my corpus'
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise InvalidError(
            f"{shown(url)!r} is no file on this machine; write file:///absolute/path, or the path "
            "alone",
            file=shown(url),
        )
    return os.path.normpath(unquote(parts.path))

"""Which client a URL is for: `open_store`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import InvalidError
from headrace.stores.fsspec_store import FsspecStore
from headrace.stores.object_store import ObjectStore
from headrace.stores.obstore_store import SCHEMES, ObstoreStore
from headrace.stores.store_url import check_url, is_url, scheme_of, shown


def open_store(
    url: str,
    storage_options: Mapping[str, Any] | None = None,
    *,
    patience: float | None = None,
) -> ObjectStore:
    """Returns the store of the objects below `url`. Nothing is asked of it yet.

    Args:
        url: ``s3://``, ``gs://``, ``az://``, ``https://``, ``http://``, ``file://``, ``memory://``
            (which lives as long as this process), or a scheme of fsspec, which is read only.
        storage_options: What the client takes: of obstore its names of settings, such as
            ``access_key_id``, ``secret_access_key``, ``region``, ``endpoint``, and
            ``client_options``, ``retry_config``, ``credential_provider``; of fsspec those of its
            file system. What is not given is taken from the environment.
        patience: Of a store that is read: seconds until a request fails, with its retries. None is
            a minute for each. Nothing to fsspec.

    Raises:
        InvalidError: If it is no URL, holds credentials, or an option is not known.
        MissingDependencyError: If obstore, or fsspec with what it needs, is not installed.

    Example:
        >>> store = open_store("memory://example")
        >>> store.put_if_absent("a", b"1"), store.put_if_absent("a", b"2"), store.get("a")
        (True, False, b'1')
    """
    if not is_url(url):
        raise InvalidError(f"a store has a URL such as s3://bucket/data, not {url!r}")
    checked, options = check_url(url), _options(url, storage_options)
    if scheme_of(url) in SCHEMES:
        return ObstoreStore.open(checked, options, patience)
    return FsspecStore.open(checked, options)


def _options(url: str, given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InvalidError(f"storage_options of {shown(url)!r} are a dict with keys of str")
    return dict(given)

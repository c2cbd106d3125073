"""The manifests of a dataset in a store: which version is the newest, and what readers need of it.

1. Nothing is listed. `latest` says where to begin, and versions have no gaps, so the newest is the
   one behind which there is none (docs/format.md).
2. 404 and 410 mean that there is none. So does 403 once something of the dataset was read: stores
   say that of a missing object to who may not list.
3. Manifests never change, so what was fetched once is good. They are fetched into a directory of
   the same names, where the core reads and checks them like those of a local dataset.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence

from headrace import _core
from headrace.errors import (
    CorruptError,
    HeadraceError,
    IoError,
    NotFoundError,
    PermissionDeniedError,
)
from headrace.stores.object_store import ObjectInfo, ObjectStore
from headrace.stores.store_errors import NO_BUCKET, NO_CREDENTIALS

LATEST = "latest"
_FOLDER = "manifests"
_MOST_DIGITS = 18  # of a version that a hint may name
_MOST_STEP = 2**40  # between two versions that are looked for: nobody commits so often
_SMALL_BYTES = 2**20  # of a manifest that is held in memory
_AT_ONCE = 64  # of small ones


def manifest_key(version: int) -> str:
    """Returns the name of a version's manifest.

    Example:
        >>> manifest_key(7)
        'manifests/00000000000000000007.arrow'
    """
    return f"{_FOLDER}/{version:020}.arrow"


def shard_key(shard: str) -> str:
    """Returns the name of a shard's object."""
    return f"shards/{shard}.arrow"


def newest_version(store: ObjectStore, *, trusted: bool = False) -> int:
    """Returns the newest version of the dataset at the store's URL; as `newest_manifest`."""
    return newest_manifest(store, trusted=trusted)[0]


def newest_manifest(store: ObjectStore, *, trusted: bool = False) -> tuple[int, ObjectInfo | None]:
    """Returns the newest version at the store's URL, and its manifest; 0 where there is none.

    Args:
        store: Where the dataset is.
        trusted: Whether the store is known to take the credentials, so that 403 means that there
            is none from the beginning.

    Raises:
        CorruptError: If `latest` names a later version than there is: a manifest was lost.
        HeadraceError: What the store raises.
    """
    hint, has_read = _hint(store)
    search = _Search(store, trusted or has_read)
    found = hint if hint and search.exists(hint) else 0
    # As the core does in a directory: steps that double overshoot, and halves lead back.
    step = 1
    while search.exists(found + step):
        found += step
        step *= 2
        if step > _MOST_STEP:
            raise CorruptError(
                f"{store.url}: whatever answers there says that it has {manifest_key(found)}, and "
                "every other name; it is no store, but perhaps a page to log in, or a web server "
                "with a page for whatever is not there: check the URL",
                file=store.url,
            )
    while (step := step // 2) > 0:
        if search.exists(found + step):
            found += step
    if hint > found:
        raise CorruptError(
            f"{store.url} is not whole: {LATEST} says that there is version {hint}, and "
            f"{manifest_key(hint)} is missing; copy the dataset again, or remove {LATEST} if what "
            "is there is all",
            file=store.url_of(manifest_key(hint)),
        )
    return found, search.known.get(found)


def fetch_version(store: ObjectStore, directory: str, version: int | None = None) -> int:
    """Fetches what a version needs into `directory`, unless it is there; returns its number.

    Args:
        store: Where the dataset is.
        directory: A directory like that of a dataset, for manifests alone: `_core.Directory` reads
            it. Its `latest` becomes this version, so that nobody looks for others there.
        version: Which; None is the newest.

    Raises:
        NotFoundError: If there is no dataset, or no such version.
        CorruptError: If a manifest cannot be read.
        HeadraceError: What the store raises.
    """
    if version is None:
        version = newest_version(store)
        if version == 0:
            raise NotFoundError(
                f"{store.url} is no dataset of shards: it has no {manifest_key(1)}; name a URL to "
                "which shards were committed",
                file=store.url,
            )
    core = _core.Directory(directory)
    core.create()
    _fetch(store, directory, [version])
    header = core.read(version)
    if header["kind"] == "append":
        _fetch(store, directory, [header["base"]])  # which may be large
        _fetch(store, directory, range(header["base"] + 1, version))
    _write(os.path.join(directory, LATEST), [f"{version}\n".encode()])
    return version


def listed_versions(store: ObjectStore) -> dict[int, ObjectInfo]:
    """Returns what a listing of the store says of each version's manifest."""
    found = {}
    for info in store.list(_FOLDER):
        digits = info.key.removeprefix(f"{_FOLDER}/").removesuffix(".arrow")
        if digits.isdigit():
            found[int(digits)] = info
    return found


def fetch_range(store: ObjectStore, directory: str, versions: Sequence[int]) -> None:
    """Fetches the manifests of `versions` into `directory`, those that are not there."""
    _fetch(store, directory, versions)


class _Search:
    """Looks which versions exist, each once."""

    def __init__(self, store: ObjectStore, has_read: bool) -> None:
        self._store = store
        self._has_read = has_read
        self.known: dict[int, ObjectInfo | None] = {}

    def exists(self, version: int) -> bool:
        if version not in self.known:
            self.known[version] = self._look(version)
        return self.known[version] is not None

    def _look(self, version: int) -> ObjectInfo | None:
        try:
            found = self._store.head(manifest_key(version))
        except NotFoundError:
            return None
        except PermissionDeniedError:
            if self._has_read:
                return None
            # The answer to HEAD has no body, where stores say why.
            next(self._store.stream(manifest_key(version), 0, 1), None)
            raise
        self._has_read = True
        return found


def _hint(store: ObjectStore) -> tuple[int, bool]:
    """Returns the version that `latest` names, 0 for none; and whether it could be read."""
    try:
        text = store.get(LATEST).strip()
    except (NotFoundError, PermissionDeniedError) as error:
        if NO_BUCKET in str(error) or NO_CREDENTIALS in str(error):
            raise  # which another request would take as long to find out
        return 0, False
    is_number = text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_number else 0, True


def _fetch(store: ObjectStore, directory: str, versions: Sequence[int]) -> None:
    """Fetches those of the manifests that are not there."""
    keys = [manifest_key(version) for version in versions]
    keys = [key for key in keys if not os.path.exists(os.path.join(directory, key))]
    try:
        for start in range(0, len(keys), _AT_ONCE):
            lot = keys[start : start + _AT_ONCE]
            found = [None] if len(lot) == 1 else store.get_small(lot, _SMALL_BYTES)
            for key, data in zip(lot, found, strict=True):
                # One may be that of a million shards: it is never in memory as a whole.
                pieces = store.pieces(key) if data is None else [data]
                _write(os.path.join(directory, key), pieces)
    except NotFoundError as error:
        raise NotFoundError(
            f"{store.url} lacks a version that was asked for, or that one rests on: {error}",
            file=error.file,
        ) from None


def _write(path: str, pieces: Iterable[bytes | memoryview]) -> None:
    """Writes a file that nobody sees before it is whole.

    Raises:
        IoError: If it cannot be written.
        HeadraceError: What `pieces` raises.
    """
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            file.writelines(pieces)
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and not isinstance(error, HeadraceError):
            raise IoError(
                f"no copy of {os.path.basename(path)} can be written to a folder in "
                f"{tempfile.gettempdir()!r}: {error.strerror}; make room there, or set TMPDIR to "
                "another directory",
                file=path,
            ) from error
        raise

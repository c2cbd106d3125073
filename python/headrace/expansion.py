"""Compressed datasets as ones whose rows can be mapped."""

from __future__ import annotations

import os

from headrace import _core, checks
from headrace.dataset import Dataset
from headrace.errors import HeadraceError, InvalidError
from headrace.opening import open as open_dataset
from headrace.progress import Progress, reporting
from headrace.shard_builder import discard


def expand(
    dataset: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    version: int | None = None,
    progress: Progress = None,
) -> Dataset:
    """Copies a dataset of compressed shards into a directory, without compression, and opens it.

    Rows are read in place, and a row of a compressed shard would cost a whole record batch. So
    what was written with ``compression="zstd"`` is expanded once: by a cache, or by this. Rows,
    their order and the metadata stay; shards get other ids. Shards that are not compressed are
    copied. Every byte is compared with the hashes of the manifest first.

    Args:
        dataset: The directory of the dataset.
        directory: A new one. It is made in one commit: after an error or a crash there is no
            dataset in it, and the same call can be made again.
        version: Which; None is the newest.
        progress: True, False, None or a function, as in `from_items`, counted in shards.

    Raises:
        InvalidError: If there is a dataset in `directory`.
        CorruptError: If a shard is damaged, or is not what its manifest says.
        NotFoundError: If there is no such dataset, version or shard.
        IoError: If the disk is full, or fails.

    Example:
        >>> import tempfile, headrace as hr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with hr.Writer(f"{folder}/small", compression="zstd") as writer:
        ...         writer.write(x=[1, 2, 3])
        ...     print(hr.expand(f"{folder}/small", f"{folder}/mapped")["x"][:])
        [1 2 3]
    """
    source = _core.Directory(checks.check_directory(dataset))
    target = _core.Directory(checks.check_directory(directory))
    number = (
        0 if version is None else checks.check_int("version", version, low=1, high=checks.MAX_INT64)
    )
    info = source.read(number)
    if target.newest():
        raise InvalidError(
            f"{target.path!r} holds a dataset already; expand into a new directory",
            file=target.path,
        )
    target.create()
    entries = source.entries(info["version"])
    copied = []
    try:
        with reporting(progress, len(entries)) as report:
            for done, entry in enumerate(entries, start=1):
                copied.append(_core.copy_expanded(source, entry, target))
                report(done)
        target.commit(copied, info["schema"], info["metadata"])
    except (HeadraceError, KeyboardInterrupt):
        discard(target.path, copied)
        raise
    return open_dataset(target.path)

"""Sparse columns in folders of .npy files: ``indptr.npy``, ``indices.npy`` and ``values.npy``."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence

from headrace import _core, checks, recipe
from headrace.errors import InvalidError, NotFoundError
from headrace.pairing import ColumnFiles, Columns

_INDPTR = "indptr.npy"
_VALUES = ("values.npy", "data.npy")  # ours, and scipy's name


def by_column(files: Columns) -> dict[str, ColumnFiles]:
    """Returns files by column name, as `pair_files` names columns."""
    if isinstance(files, Mapping):
        return dict(files)
    parts = files if isinstance(files, tuple) else (files,)
    return {str(position): part for position, part in enumerate(parts)}


def folders_of(files: object, *, alone: bool) -> list[str]:
    """Returns the folders of csr that a column is given as; none where it is something else.

    Args:
        files: A path, a glob or a list of paths.
        alone: Whether there is no other column, whose rows these must be paired with.

    Raises:
        InvalidError: If only some of them are such folders, or a glob would have to be paired.
    """
    is_glob = False
    paths: Sequence[object]
    if isinstance(files, str | os.PathLike):
        path = os.fspath(files)
        if not isinstance(path, str):
            return []
        is_glob = glob.has_magic(path) and not os.path.lexists(path)
        # Files come in tens of thousands: one tells whether the others are worth a look.
        if not _is_csr(next(glob.iglob(path, recursive=True), None) if is_glob else path):
            return []
        paths = sorted(glob.glob(path, recursive=True)) if is_glob else [path]
    elif isinstance(files, Sequence) and files and _is_csr(files[0]):
        paths = files
    else:
        return []
    for other in paths:
        if not _is_csr(other):
            raise InvalidError(
                f"{paths[0]!r} is a folder with {_INDPTR} and {other!r} is none; give the files "
                "of one column alike"
            )
    if is_glob and not alone:
        raise InvalidError(
            f"{files!r}: folders are paired with other columns by position only; give them as a "
            "list, in the order of the rows"
        )
    # Absolute: files open lazily, and a path must not depend on where the program is by then.
    return [os.path.abspath(path) for path in paths if isinstance(path, str | os.PathLike)]


def _is_csr(path: object) -> bool:
    if not isinstance(path, str | os.PathLike):
        return False
    text: object = os.fspath(path)
    return isinstance(text, str) and os.path.isfile(os.path.join(text, _INDPTR))


def make_dataset(name: str, folders: Sequence[str], width: object, io: str) -> recipe.Made:
    """Returns the dataset of one csr column over the rows of `folders`, one after another."""
    if width is None:
        raise InvalidError(
            f"{folders[0]!r} holds rows of csr, and does not say how wide they are; pass columns=, "
            "the width of their dense form",
            file=folders[0],
            column=name,
        )
    checked = checks.check_int("columns", width, low=1, high=checks.MAX_INT64)
    paths = [_files_in(folder) for folder in folders]
    sizes = {path: os.stat(path).st_size for files in paths for path in files if path}
    return recipe.from_files(_core.Dataset.from_csr_files, sizes, name, paths, checked, io)


def _files_in(folder: str) -> tuple[str, str, str]:
    values = [name for name in _VALUES if os.path.isfile(os.path.join(folder, name))]
    if len(values) > 1:
        raise InvalidError(
            f"{folder!r} has {' and '.join(values)}; which are the values? Remove one", file=folder
        )
    indices = os.path.join(folder, "indices.npy")
    if not os.path.isfile(indices):
        raise NotFoundError(f"{folder!r} has {_INDPTR} and no indices.npy beside it", file=indices)
    found = os.path.join(folder, values[0]) if values else ""
    return os.path.join(folder, _INDPTR), indices, found

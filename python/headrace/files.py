"""Datasets whose rows are whole files: `files`."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import Literal

from headrace import _core, checks, recipe
from headrace.arrays import from_arrays
from headrace.dataset import Dataset
from headrace.errors import InvalidError, NotFoundError
from headrace.pairing import PathLike, size_of_file
from headrace.stores.store_url import check_is_path

_WHOLE = "*"  # a pattern for messages: any file of a directory


def files(
    files: PathLike | Sequence[PathLike],
    *,
    label: Literal["parent"] | None = None,
    path: bool = True,
) -> Dataset:
    """Returns the dataset whose rows are whole files: images, documents, whatever they hold.

    A row is a dict: `data`, all bytes of the file; `path`, the file's name as text; and `label`, if
    asked for. Nothing is read now but the files' sizes. A file is opened when its row is wanted,
    and its bytes go to nobody but that batch: threads of a Loader read ahead, and decoding is the
    Loader's `transform=`, or that of `convert`. docs/files.md has examples.

    Args:
        files: A path, a glob, or a list of these. The files of a glob are sorted by their names,
            character by character (so "10.txt" comes before "9.txt"), and directories among them
            left out; globs are expanded as by ``glob.glob(recursive=True)``. A list keeps its
            order, and a path in it may repeat.
        label: "parent" adds the name of the directory that each file is in, as text;
            `Dataset.encode_labels` makes class ids of it. Other labels are columns of their own:
            ``hr.zip(ds, hr.from_arrays(label=labels))``.
        path: Whether there is a column `path`, with names as they were given or found.

    A file that is not what it was when the dataset was made (its size, its time of change, the file
    itself) is an error when it is read. A state of a Loader is accepted by a dataset of the same
    contents, told by sizes and the first bytes; `path` counts as any column, so leave it out to go
    on over a copy in another directory.

    Raises:
        InvalidError: If it is a directory, the list is empty, or two globs match one file.
        NotFoundError: If a file does not exist, or a glob matches nothing.
        UnsupportedError: If a file's name is not UTF-8.

    Example:
        >>> import pathlib, tempfile, headrace as hr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in "cat/1.txt", "cat/2.txt", "dog/1.txt":
        ...         file = pathlib.Path(folder, name)
        ...         file.parent.mkdir(exist_ok=True)
        ...         _ = file.write_text(f"I am {name}")
        ...     ds = hr.files(f"{folder}/**/*.txt", label="parent")
        ...     train, classes = ds.encode_labels("label")
        ...     print(train[2]["data"], train[2]["label"], classes)
        b'I am dog/1.txt' 1 ['cat', 'dog']
    """
    if label not in (None, "parent"):
        raise InvalidError(
            f'label={label!r}: label="parent" is the name of the directory that a file is in; '
            "join other labels with hr.zip(ds, hr.from_arrays(label=...))"
        )
    checks.check_bool("path", path)
    found = _listed(files)
    # Absolute: files open lazily, and the program may be elsewhere by then.
    absolute = [os.path.abspath(name) for name in found]
    sizes = {
        full: size_of_file("data", name, example=_WHOLE)
        for full, name in zip(absolute, found, strict=True)
    }
    data = recipe.from_files(_core.Dataset.from_whole_files, sizes, "data", absolute)
    texts: dict[str, list[str]] = {"path": found} if path else {}
    if label is not None:
        texts["label"] = [os.path.basename(os.path.dirname(full)) for full in absolute]
    if not texts:
        return Dataset(data, as_tuple=False)
    return Dataset(recipe.zip_columns([data, from_arrays(**texts)._made]), as_tuple=False)


def _listed(given: object) -> list[str]:
    """Returns the files of a path, a glob or a list of these, in the order of the rows."""
    if isinstance(given, str | os.PathLike):
        given = [given]
    elif not isinstance(given, Sequence) or isinstance(given, bytes | bytearray):
        raise InvalidError(f"files are a path, a glob or a list of these, not {given!r}")
    if not given:
        raise InvalidError("the list of files is empty")
    paths = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in given]
    found: list[str] = []
    glob_of: dict[str, int] = {}
    for k, path in enumerate(paths):
        if not isinstance(path, str):
            raise InvalidError(f"a list of files holds paths and globs as str, not {path!r}")
        check_is_path(path)
        # A file whose very name holds [ or * is that file.
        if not glob.has_magic(path) or os.path.lexists(path):
            found.append(path)
            continue
        for match in _matches(path):
            other = glob_of.setdefault(match, k)
            if other != k:
                raise InvalidError(
                    f"{match!r} matches {paths[other]!r} and {path!r}, and would be two rows; "
                    "give globs that do not overlap",
                    file=match,
                )
            found.append(match)
    return found


def _matches(pattern: str) -> list[str]:
    """Returns the files that match a glob, sorted; directories are none."""
    names = sorted(glob.glob(pattern, recursive=True))
    if not names:
        raise NotFoundError(
            f"no file matches {pattern!r} (searched from {os.getcwd()!r})", file=pattern
        )
    found = [name for name in names if not os.path.isdir(name)]
    if not found:
        raise InvalidError(
            f"{pattern!r} matches directories only, such as {names[0]!r}; give their files, for "
            f"example {os.path.join(pattern, _WHOLE)!r}",
            file=names[0],
        )
    return found

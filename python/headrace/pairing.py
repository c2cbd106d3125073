"""Which files make up each column, and which file of one column belongs to which of another.

1. A column is given as a path, a glob or a list of paths. A path is a list of one.
2. Lists are paired by position. Globs are paired by stem: the file name without its last suffix.
3. Nothing is ever paired by sorting alone: two directories of unrelated names have sorted orders
   too, and equally many files, so a guess would join features with foreign targets in silence.
"""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from headrace import checks
from headrace.errors import InvalidError, IoError, NotFoundError, UnsupportedError
from headrace.stores.store_url import check_is_path

PathLike = str | os.PathLike[str]
ColumnFiles = PathLike | Sequence[PathLike]
Columns = ColumnFiles | tuple[ColumnFiles, ...] | Mapping[str, ColumnFiles]


@dataclass(frozen=True)
class FileTable:
    """The files of all columns: ``paths[c][k]`` is file k of column c, of ``sizes[c][k]`` bytes."""

    names: list[str]
    paths: list[list[str]]
    sizes: list[list[int]]
    as_tuple: bool

    @property
    def size_of(self) -> dict[str, int]:
        """The size of each file by its path."""
        chain = itertools.chain.from_iterable
        return dict(zip(chain(self.paths), chain(self.sizes), strict=True))


@dataclass(frozen=True)
class _Listing:
    column: str
    pattern: str  # the glob; "" for a list
    paths: list[str]
    sizes: list[int]


def pair_files(columns: Columns) -> FileTable:
    """Returns the files of `columns`, paired.

    Raises:
        InvalidError: If the files cannot be paired without guessing, or are no files.
        NotFoundError: If a file does not exist or a glob matches nothing.
    """
    as_tuple = not isinstance(columns, Mapping)
    if isinstance(columns, Mapping):
        given = dict(columns)
    else:
        parts = columns if isinstance(columns, tuple) else (columns,)
        given = {str(position): part for position, part in enumerate(parts)}
    if not given:
        raise InvalidError("no columns were given; pass a glob, a list of paths, or a dict of them")
    listings = [_list_files(name, files, _where(name, columns)) for name, files in given.items()]
    paths = _pair(listings)
    size_of = {path: size for x in listings for path, size in zip(x.paths, x.sizes, strict=True)}
    sizes = [[size_of[path] for path in column] for column in paths]
    return FileTable([x.column for x in listings], paths, sizes, as_tuple)


def files_of(files: object, *, example: str) -> list[str]:
    """Returns the files, as absolute paths, of what is no column but rows of several.

    Args:
        files: A path, a glob or a list of paths.
        example: A glob for messages, such as ``"*.svm"``.

    Raises:
        InvalidError, NotFoundError, IoError, UnsupportedError: If there are none that can be read.
    """
    return _list_files("", files, "", example=example).paths


def _where(column: str, columns: Columns) -> str:
    """Returns how an error begins; files alone are no column that a user has named."""
    return f"column {column!r}: " if isinstance(columns, (Mapping, tuple)) else ""


def _list_files(column: str, files: object, where: str, *, example: str = "*.npy") -> _Listing:
    checks.check_column_name(column)
    pattern = ""
    if isinstance(files, (str, os.PathLike)):
        path = os.fspath(files)
        if not isinstance(path, str):
            raise InvalidError(f"{where}paths are str, not {path!r}", column=column)
        check_is_path(path, where=where, column=column)
        # A file whose very name holds [ or * is that file.
        if glob.has_magic(path) and not os.path.lexists(path):
            pattern = path
            paths = sorted(glob.glob(path, recursive=True))
            if not paths:
                raise NotFoundError(
                    f"{where}no file matches {path!r} (searched from {os.getcwd()!r})",
                    file=path,
                    column=column,
                )
        else:
            paths = [path]
    elif isinstance(files, Sequence) and not isinstance(files, (bytes, bytearray)):
        paths = [_path_in_list(column, item, where) for item in files]
        if not paths:
            raise InvalidError(f"{where}the list of files is empty", column=column)
    else:
        raise InvalidError(
            f"{where}files are given as a glob or a list of paths, not as {files!r}",
            column=column,
        )
    sizes = [size_of_file(column, path, where=where, example=example) for path in paths]
    # Absolute: files open lazily, and a split by file must not depend on how a path was written.
    return _Listing(column, pattern, [os.path.abspath(path) for path in paths], sizes)


def _path_in_list(column: str, item: object, where: str) -> str:
    path = os.fspath(item) if isinstance(item, (str, os.PathLike)) else item
    if not isinstance(path, str):
        several = "; several columns are given as a tuple or a dict" if column else ""
        raise InvalidError(
            f"{where}a list of files holds paths, not {item!r}{several}", column=column
        )
    check_is_path(path, where=where, column=column)
    if glob.has_magic(path) and not os.path.lexists(path):
        raise InvalidError(
            f"{where}{path!r} in a list is a glob; a list holds paths: pass "
            f"sorted(glob.glob({path!r})), or the glob alone instead of the list",
            file=path,
            column=column,
        )
    return path


def size_of_file(column: str, path: str, *, where: str = "", example: str = "*.npy") -> int:
    """Returns the size of a file of `column`; `example` is a glob for messages.

    Raises:
        InvalidError, NotFoundError, IoError, UnsupportedError: If it is no file that can be read.
    """
    if not checks.is_utf8(path):
        raise UnsupportedError(
            f"{where}the file name {path!r} is not UTF-8; rename the file or folder",
            column=column,
        )
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"{where}{path!r} does not exist", file=path, column=column) from error
    except (OSError, ValueError) as error:
        raise IoError(f"{where}{path!r}: {error}", file=path, column=column) from error
    if stat.S_ISDIR(status.st_mode):
        raise InvalidError(
            f"{where}{path!r} is a directory; give its files, for example the glob "
            f"{os.path.join(path, example)!r}",
            file=path,
            column=column,
        )
    if not stat.S_ISREG(status.st_mode):
        raise InvalidError(f"{where}{path!r} is no regular file", file=path, column=column)
    return status.st_size


def _pair(listings: list[_Listing]) -> list[list[str]]:
    globs = [x for x in listings if x.pattern]
    lists = [x for x in listings if not x.pattern]
    if len(listings) == 1:
        return [listings[0].paths]
    if globs and lists:
        raise InvalidError(
            f"column {globs[0].column!r} is a glob and column {lists[0].column!r} is a list; globs "
            "are paired by file name and lists by position, so give all columns in one way",
            column=lists[0].column,
        )
    if lists:
        return _pair_by_position(lists)
    return _pair_by_stem(globs)


def _pair_by_position(lists: list[_Listing]) -> list[list[str]]:
    first = lists[0]
    for other in lists[1:]:
        if len(other.paths) != len(first.paths):
            raise InvalidError(
                f"column {first.column!r} has {len(first.paths)} files and column "
                f"{other.column!r} has {len(other.paths)}; lists are paired by position and need "
                "equally many files",
                column=other.column,
            )
    return [x.paths for x in lists]


def _pair_by_stem(globs: list[_Listing]) -> list[list[str]]:
    first, *others = globs
    stems = _by_stem(first)
    paired = [first.paths]
    for other in others:
        found = _by_stem(other)
        if found.keys() != stems.keys():
            raise _unpaired(first, stems, other, found)
        paired.append([found[stem] for stem in stems])
    return paired


def _by_stem(listing: _Listing) -> dict[str, str]:
    stems: dict[str, str] = {}
    for path in listing.paths:
        stem = PurePath(path).stem
        if stem in stems:
            raise InvalidError(
                f"column {listing.column!r}: {stems[stem]!r} and {path!r} have the same stem "
                f"{stem!r}, so files of other columns cannot be paired with them by name; pass "
                "lists of paths in matching order",
                file=path,
                column=listing.column,
            )
        stems[stem] = path
    return stems


def _unpaired(
    first: _Listing, stems: dict[str, str], other: _Listing, found: dict[str, str]
) -> InvalidError:
    sides = [
        _unmatched(first.column, stems, found),
        _unmatched(other.column, found, stems),
    ]
    return InvalidError(
        f"the files of column {first.column!r} ({first.pattern!r}, {len(stems)} files) and of "
        f"column {other.column!r} ({other.pattern!r}, {len(found)} files) cannot be paired by "
        f"name: {'; '.join(side for side in sides if side)}. Pairing them by sorted order would "
        "join features with foreign targets; pass two lists of paths in matching order instead",
        column=other.column,
    )


def _unmatched(column: str, own: dict[str, str], foreign: dict[str, str]) -> str:
    alone = [os.path.basename(path) for stem, path in own.items() if stem not in foreign]
    if not alone:
        return ""
    return f"{len(alone)} of {column!r} have no partner, for example {alone[0]!r}"

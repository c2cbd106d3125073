"""Datasets over files that say themselves what they hold: `open`."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from headrace import _core, advice, checks, csr_files, recipe
from headrace.dataset import Dataset
from headrace.errors import InvalidError, NotFoundError, UnsupportedError
from headrace.memmap import Io, check_io
from headrace.pairing import ColumnFiles, Columns, FileTable, pair_files
from headrace.stores.remote_dataset import open_remote
from headrace.stores.store_url import is_url, local_path, scheme_of

_ARROW = frozenset({".arrow", ".feather", ".ipc"})
_CONVERTED = frozenset({".csv", ".tsv", ".json", ".jsonl", ".parquet", ".tar"})


def open(
    files: Columns,
    *,
    columns: int | Mapping[str, int] | None = None,
    version: int | None = None,
    verify: bool = False,
    io: Io = "auto",
    cache: str | os.PathLike[str] | None = None,
    cache_bytes: int | str | None = None,
    fetch_timeout: float | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Dataset:
    """Returns a dataset over files in place: nothing is copied, and no rows are read yet.

    What is opened is told by its name:

    - the directory of a dataset that `Writer` or `convert` wrote;
    - the URL of one in a store: ``s3://``, ``gs://``, ``az://``, ``https://``, or of fsspec. Its
      shards come into a cache when their rows are wanted (docs/object_stores.md). ``file://`` is
      read in place, unless there is a `cache=` before a slow disk;
    - ``.arrow``, ``.feather`` and ``.ipc``: shards, and other Arrow IPC files (docs/format.md says
      which), one or more with the same columns;
    - ``.safetensors``: a row is an element of the first dimension, the same in all tensors;
    - ``.npy``: a file is a column, and the first dimension of each is its rows;
    - a folder with ``indptr.npy``, ``indices.npy`` and, unless all are 1, ``values.npy`` (or
      ``data.npy``): a csr column, in the arrays of a scipy.sparse.csr_array.

    Args:
        files: A directory; or the files: a path, glob or list of paths, whose rows follow one
            another. ``.npy`` files and folders of csr have no column names: there it is one column
            with tuple rows, a tuple of these is several columns with tuple rows, and a dict is
            named columns, paired as in `memmap`.
        columns: Of folders of csr, how wide rows are: a number, or numbers by column name.
        version: Of a directory, the version to open; None is the newest. A pickle keeps it.
        verify: Whether to compare the hash of each record batch when its shard is first opened;
            one read of all bytes. Without it damage inside rows that leaves the structure whole
            is not noticed; metadata is checked always. Shards of a store are hashed in any case, as
            they come and after a restart of the machine, and not again while they are in the cache.
        io: "auto", "mmap" or "pread", as in `memmap`.
        cache: Of a URL: the directory for its shards, which all processes of a machine and any
            number of datasets may share. None is a temporary one of this process, removed at its
            end, or after a kill when the next one is made.
        cache_bytes: How much may lie in it at most, such as ``"200GB"``. None is a quarter of
            what is free on the disk or in the cache already, and at most 10 GB.
        fetch_timeout: Of a URL: seconds within which a shard must have come, with all tries, until
            reading it fails; a large one has a second more for each MiB. None is 120.
        storage_options: Of a URL: settings of the client, such as credentials, as for obstore
            or fsspec. A pickle holds them.

    Raises:
        InvalidError: If files cannot be paired, or have different columns.
        NotFoundError: If a file or version is missing, or a glob matches nothing.
        CorruptError: If a file contradicts its format or its hashes.
        UnsupportedError: If a file is of a kind that is not read in place.

    Example:
        >>> import tempfile, numpy as np, headrace as hr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, rows in ("a", [0.0, 1.0]), ("b", [2.0, 3.0, 4.0]):
        ...         np.save(f"{folder}/{name}.npy", rows)
        ...     ds = hr.open(f"{folder}/*.npy")
        ...     print(len(ds), ds["0"][1:4])
        5 [1. 2. 3.]
    """
    checked_io = check_io(io)
    if not isinstance(verify, bool):
        raise InvalidError(f"verify={verify!r}: it is True or False")
    if is_url(files) and (scheme_of(str(files)) != "file" or cache is not None):
        _check_no_width(columns)
        _check_no_io(checked_io)
        return open_remote(
            str(files),
            version=version,
            cache=cache,
            cache_bytes=cache_bytes,
            fetch_timeout=fetch_timeout,
            storage_options=storage_options,
        )
    _check_no_cache(cache, cache_bytes, fetch_timeout, storage_options)
    if is_url(files):
        files = local_path(str(files))
    given = csr_files.by_column(files)
    sparse = {
        name: found
        for name, part in given.items()
        if (found := csr_files.folders_of(part, alone=len(given) == 1))
    }
    if isinstance(files, (str, os.PathLike)) and os.path.isdir(files) and not sparse:
        _check_no_width(columns)
        return _open_directory(os.fspath(files), version, checked_io, verify)
    if version is not None:
        raise InvalidError(
            f"version {version!r} of files: only the directory of a dataset has versions",
            advice=advice.option("version").within("drop {}"),
        )
    if sparse:
        _check_no_hashes(verify)
        return _open_csr(files, given, sparse, columns, checked_io)
    _check_no_width(columns)
    table = pair_files(files)
    open_files = _opener(table)
    if open_files is not _open_arrow:
        _check_no_hashes(verify)
    return open_files(table, checked_io, verify)


def _check_no_io(io: str) -> None:
    if io != "auto":
        raise InvalidError(f"io={io!r} is for local files; shards of a store are mapped: drop it")


def _check_no_cache(*given: object) -> None:
    if any(value is not None for value in given):
        raise InvalidError(
            "cache=, cache_bytes=, fetch_timeout= and storage_options= are for URLs of stores; "
            "these files are local, and read where they lie: drop them"
        )


def _check_no_hashes(verify: bool) -> None:
    if verify:
        raise InvalidError(
            "verify=True compares the hashes of shards; these files have none: drop it"
        )


def _check_no_width(columns: object) -> None:
    if columns is not None:
        raise InvalidError(
            f"columns={columns!r} is how wide the rows of folders with indptr.npy are, and these "
            "files are none: drop it"
        )


def _npy_table(files: Mapping[str, ColumnFiles]) -> FileTable:
    """Returns the files of columns beside csr, which have no names of their own either."""
    table = pair_files(files)
    if _opener(table) is not _open_npy:
        raise InvalidError(
            f"columns beside csr are .npy files, and {table.paths[0][0]!r} is none; open them by "
            "themselves and join them with hr.zip",
            file=table.paths[0][0],
        )
    return table


def _open_csr(
    files: Columns,
    given: Mapping[str, ColumnFiles],
    sparse: Mapping[str, list[str]],
    columns: int | Mapping[str, int] | None,
    io: str,
) -> Dataset:
    """Returns the dataset of columns of which some, or all, are folders of csr."""
    widths = columns if isinstance(columns, Mapping) else dict.fromkeys(sparse, columns)
    for name in widths:
        if name not in sparse:
            raise InvalidError(
                f"columns= names {name!r}; the columns of csr are {', '.join(map(repr, sparse))}",
                column=name,
            )
    for name in given:
        checks.check_column_name(name)
    made = [
        csr_files.make_dataset(name, folders, widths.get(name), io)
        for name, folders in sparse.items()
    ]
    rest = {name: part for name, part in given.items() if name not in sparse}
    if rest:
        made.append(_open_npy(_npy_table(rest), io, False)._made)
    as_tuple = not isinstance(files, Mapping)
    if len(made) == 1:
        return Dataset(made[0], as_tuple=as_tuple)
    found = [*sparse, *rest]
    order = [found.index(name) for name in given]
    joined = recipe.zip_columns(made).view(_core.Dataset.select, order)
    return Dataset(joined, as_tuple=as_tuple)


def _opener(table: FileTable) -> Callable[[FileTable, str, bool], Dataset]:
    """Returns what opens files of these names."""
    found = {os.path.splitext(path)[1]: path for path in itertools.chain.from_iterable(table.paths)}
    if found.keys() <= _ARROW:
        return _open_arrow
    if len(found) == 1 and ".npy" in found:
        return _open_npy
    if len(found) == 1 and ".safetensors" in found:
        return _open_safetensors
    known = _ARROW | {".npy", ".safetensors"}
    unknown = [suffix for suffix in found if suffix not in known]
    if not unknown:
        first, second, *_ = found.values()
        raise InvalidError(
            f"files of one dataset are of one kind; found {first!r} and {second!r}: open them one "
            "by one, and join them with hr.concat or hr.zip",
            file=second,
        )
    path = found[unknown[0]]
    once = advice.Advice("hr.convert", "headrace convert")
    raise UnsupportedError(
        f"{path!r} is no {', '.join(sorted(known))} file, the kinds that are read in place",
        advice=once.within(
            "write it as shards once with {}"
            if unknown[0] in _CONVERTED
            else "in Python hr.memmap reads raw files; for others see {}"
        ),
        file=path,
    )


def _open_npy(table: FileTable, io: str, _verify: bool) -> Dataset:
    make = _core.Dataset.from_npy_files
    made = recipe.from_files(make, table.size_of, table.names, table.paths, io)
    return Dataset(made, as_tuple=table.as_tuple)


def _open_arrow(table: FileTable, io: str, verify: bool) -> Dataset:
    make = _core.Dataset.from_arrow_files
    made = recipe.from_files(make, table.size_of, _files_of_rows(table), io, verify)
    return Dataset(made, as_tuple=False)


def _open_safetensors(table: FileTable, io: str, _verify: bool) -> Dataset:
    make = _core.Dataset.from_safetensors
    made = recipe.from_files(make, table.size_of, _files_of_rows(table), io)
    return Dataset(made, as_tuple=False)


def _files_of_rows(table: FileTable) -> list[str]:
    """Returns the files of a table whose files hold all columns."""
    if len(table.paths) > 1 or not table.as_tuple:
        raise InvalidError(
            f"{table.paths[0][0]!r} names its columns itself; give the files as a path, a glob or "
            "a list, and use rename or select_columns afterwards",
            file=table.paths[0][0],
        )
    return table.paths[0]


def _open_directory(root: Any, version: int | None, io: str, verify: bool) -> Dataset:
    if not isinstance(root, str):
        raise InvalidError(f"paths are str, not {root!r}")
    # Files open lazily: a path must not depend on where the program is by then.
    directory = _core.Directory(os.path.abspath(root))
    newest = directory.newest() if os.path.isdir(os.path.join(root, "manifests")) else 0
    if newest == 0:
        raise _no_dataset(root)
    if version is not None:
        version = checks.check_int("version", version, low=1, high=checks.MAX_INT64)
    chosen = newest if version is None else version
    make = _core.Dataset.from_directory
    made = recipe.from_files(make, {}, directory.path, chosen, io, verify)
    metadata = json.loads(directory.read(chosen)["metadata"])
    return Dataset(made, as_tuple=metadata.get("as_tuple") is True)


def _no_dataset(root: str) -> Exception:
    """Returns the error for a directory without a manifest."""
    names = sorted(os.listdir(root))
    if "shards" in names:
        return NotFoundError(
            f"{root!r} holds shards and no manifest: nothing was committed there yet, or its "
            "writer was not closed; wait for it, or, in Python, use hr.Writer in a with block",
            file=root,
        )
    if "dataset_info.json" in names or "dataset_dict.json" in names:
        return UnsupportedError(
            f"{root!r} was saved by Hugging Face datasets, whose files are not read in place; "
            "write it as shards once",
            advice=advice.Advice(
                f"hr.convert({root!r}, ...)", f"headrace convert {shlex.quote(root)} DIR"
            ),
            file=root,
        )
    suffixes = {os.path.splitext(name)[1] for name in names}
    readable = sorted(suffixes & (_ARROW | {".npy", ".safetensors"}))
    if readable:
        pattern = os.path.join(root, f"*{readable[0]}")
        what_to_do = advice.Advice(f"hr.open({pattern!r})", pattern).within(
            "to open its files, give a glob: {}"
        )
    else:
        what_to_do = advice.Advice("hr.convert", "headrace convert").within(
            "give a dataset's directory, or files; {} makes shards of other files"
        )
    return InvalidError(f"{root!r} is a directory without manifests", advice=what_to_do, file=root)

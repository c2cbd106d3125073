"""A look at every byte of a dataset: what is damaged, and which rows are lost."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headrace import _core, advice, checks
from headrace.errors import (
    CorruptError,
    HeadraceError,
    InvalidError,
    IoError,
    NotFoundError,
    TruncatedError,
    UnsupportedError,
)
from headrace.opening import open as open_dataset
from headrace.pairing import ColumnFiles, pair_files
from headrace.progress import Progress, reporting
from headrace.stores.store_url import is_url, local_path, scheme_of, shown

_MANIFEST = re.compile(r"[0-9]{20}\.arrow")
_ARROW = (".arrow", ".feather", ".ipc")
_STORED = ("stored_bytes", "stored_xxh3", "bytes", "encoding")


@dataclass(frozen=True)
class Damage:
    """Something that is wrong, and the rows that cannot be trusted because of it.

    Attributes:
        file: The file.
        shard: The shard's id; "" for a file that is no shard of a dataset.
        batch: The record batch in the file; None for the file as a whole.
        column: The column; "" where it is not about one.
        first_row: The first row that is lost: of the dataset, or of a file by itself.
        rows: How many rows are lost; None where the file does not tell.
        code: The kind of error, as in `HeadraceError.code`.
        what: What is wrong.
    """

    file: str
    shard: str
    batch: int | None
    column: str
    first_row: int
    rows: int | None
    code: str
    what: str


@dataclass(frozen=True)
class Verification:
    """What `verify` found.

    Attributes:
        version: The version of the dataset; None for files by themselves.
        files: How many files (shards) there are.
        rows: Rows of all files; of one that cannot be read, as many as the manifest promises.
        bytes: Bytes of all files.
        without_hashes: Files without damage and without checksums: only their structure could be
            checked.
        damaged_files: Files with damage.
        rows_lost: Rows that cannot be trusted, each counted once.
        damage: All that is wrong.
    """

    version: int | None
    files: int
    rows: int
    bytes: int
    without_hashes: int
    damaged_files: int
    rows_lost: int
    damage: tuple[Damage, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damage


@dataclass(frozen=True)
class _Part:
    """A file to look at, and what a manifest promises of it."""

    file: str
    shard: str = ""
    first_row: int = 0
    promised: dict[str, Any] = field(default_factory=dict)


def verify(
    path: ColumnFiles,
    *,
    version: int | None = None,
    progress: Progress = None,
) -> Verification:
    """Reads every byte of a dataset and returns all that is wrong with it.

    Checked are structure, sizes, the checksums of files, metadata and record batches, and the rows
    themselves: offsets in order, text in UTF-8, indices of csr below the width. Of files without
    checksums (.npy, .safetensors, Arrow files of other programs) only what is left of these.

    Args:
        path: A dataset's directory, or a file, a glob, or a list of files.
        version: The version of a directory; None is the newest.
        progress: True, False, None or a function, as in `from_items`, counted in files.

    Returns:
        A `Verification`; damage is no exception. ``verification.ok`` says whether there is none.

    Raises:
        NotFoundError: If there is no such file, dataset or version.
        UnsupportedError: If a file is of a kind that `open` does not read, or is in a store.
    """
    number, found = None, list[Damage]()
    if is_url(path):
        path = _checked_file(str(path))
    if isinstance(path, (str, os.PathLike)) and os.path.isdir(path):
        number, parts = _shards(os.fspath(path), version, found)
    elif version is not None:
        raise InvalidError(
            f"version {version!r} of files: only the directory of a dataset has versions",
            advice=advice.option("version").within("drop {}"),
        )
    else:
        parts = [_Part(file) for file in pair_files(path).paths[0]]
    totals = dict.fromkeys(("rows", "bytes", "without_hashes", "damaged_files", "rows_lost"), 0)
    with reporting(progress, len(parts)) as report:
        for done, part in enumerate(parts, start=1):
            verdict = _verdict(part)
            found.extend(_damages(part, verdict["findings"]))
            for key in ("rows", "bytes", "rows_lost"):
                totals[key] += verdict[key]
            totals["without_hashes"] += not (verdict["hashed"] or verdict["findings"])
            totals["damaged_files"] += bool(verdict["findings"])
            report(done)
    return Verification(number, len(parts), damage=tuple(found), **totals)


def _checked_file(url: str) -> str:
    """Returns the path of a ``file://`` URL."""
    if scheme_of(url) != "file":
        raise UnsupportedError(
            f"{shown(url)} is in a store, where shards are compared with their hashes as they are "
            "downloaded; to verify all of it, copy it to a directory",
            file=shown(url),
        )
    return local_path(url)


def _shards(path: str, version: int | None, found: list[Damage]) -> tuple[int | None, list[_Part]]:
    """Returns the version and its shards; of a manifest that cannot be read there are none."""
    directory = _core.Directory(path)
    number = (
        0 if version is None else checks.check_int("version", version, low=1, high=checks.MAX_INT64)
    )
    info: dict[str, Any] = {}
    try:
        info = directory.read(number)
        entries = directory.entries(info["version"])
    except (CorruptError, TruncatedError, IoError, NotFoundError) as error:
        if isinstance(error, NotFoundError) and not info:
            raise  # There is no such dataset; behind it, one of the version's manifests is gone.
        found.append(Damage(error.file, "", None, "", 0, None, error.code, str(error)))
        return version, []
    if version is None and (lost := _lost_manifest(path, info["version"])):
        found.append(lost)
    starts = itertools.accumulate((entry["rows"] for entry in entries), initial=0)
    return info["version"], [
        _Part(
            file=os.path.join(directory.shards, f"{entry['id']}.arrow"),
            shard=entry["id"],
            first_row=start,
            promised={
                "schema": info["schema"],
                **{key: entry[key] for key in ("rows", "batch_rows", *_STORED)},
            },
        )
        for entry, start in zip(entries, starts, strict=False)
    ]


def _lost_manifest(path: str, newest: int) -> Damage | None:
    """Returns the damage if the version behind the newest one was there once, and is gone.

    `latest` is written behind its manifest, and each manifest behind the one before.
    """
    manifests = os.path.join(path, "manifests")
    missing = os.path.join(manifests, f"{newest + 1:020}.arrow")
    written = [int(name[:20]) for name in os.listdir(manifests) if _MANIFEST.fullmatch(name)]
    with contextlib.suppress(OSError, ValueError), open(os.path.join(path, "latest"), "rb") as file:
        written.append(int(file.read(32)))
    # Last, so that a commit of this moment is no damage.
    if max(written, default=0) <= newest or os.path.exists(missing):
        return None
    what = (
        f"it is gone, and there were versions up to {max(written)}: without it, version {newest} "
        "is taken for the newest; restore it from a copy"
    )
    return Damage(missing, "", None, "", 0, None, NotFoundError.code, what)


def _verdict(part: _Part) -> dict[str, Any]:
    """Returns what the core says of a file, or what reading all of it says of one of others."""
    if part.shard or part.file.endswith(_ARROW):
        verdict = _core.verify_shard(part.file, **part.promised)
        for finding in verdict["findings"]:
            if finding["code"] == UnsupportedError.code and not part.shard:
                raise UnsupportedError(finding["what"], file=part.file, column=finding["column"])
        return verdict
    rows, findings = 0, list[dict[str, Any]]()
    try:
        dataset = open_dataset(part.file)
        rows = len(dataset)
        # numpy, which chunks are of, has no bfloat16.
        wide = [name for name, field in dataset.schema.items() if field.dtype == "bfloat16"]
        for _ in dataset.cast(dict.fromkeys(wide, "float32")).chunks():
            pass
    except UnsupportedError:
        raise
    except HeadraceError as error:
        finding = {"code": error.code, "what": str(error), "column": error.column}
        findings.append({**finding, "batch": None, "first_row": 0, "rows": rows})
    return {
        "rows": rows,
        "bytes": os.path.getsize(part.file) if os.path.exists(part.file) else 0,
        "rows_lost": rows if findings else 0,
        "hashed": False,
        "findings": findings,
    }


def _damages(part: _Part, findings: list[dict[str, Any]]) -> Iterator[Damage]:
    for finding in findings:
        known = dict(finding)
        if part.shard and known["code"] == NotFoundError.code:
            known["what"] = f"shard {part.shard} is missing; restore its file from a copy"
        first = part.first_row + known.pop("first_row")
        # Of a file by itself that cannot be read nobody knows how many rows it had.
        rows = known.pop("rows") or (0 if part.shard else None)
        yield Damage(file=part.file, shard=part.shard, first_row=first, rows=rows, **known)

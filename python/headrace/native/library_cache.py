"""Shared libraries that were compiled once, kept in the user's cache directory.

1. A library is known by its content: a hash of the preprocessed text, of the compiler's version and
   of its flags is its name. It is compiled into a file of its own and renamed, so processes that do
   it at the same time do no harm to each other, and nobody loads half a library.
2. To preprocess takes longer than to load. So a note, known by the path of the source, says which
   library its text became, and of which files that text was; while all of them are what they were,
   nothing is run. The user's own files are compared by content, those of the system by size and
   time of modification.
3. What nobody has loaded for 90 days is removed when something is added.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from headrace.errors import InvalidError, IoError
from headrace.native.compiler import Compiler

_UNUSED_S = 90 * 86400
_TICK_NS = 10_000_000  # times of modification are as coarse as this
_MARKER = re.compile(r'^# \d+ "((?:[^"\\]|\\.)*)"((?: \d)*)$')
_SYSTEM = "3"  # flag of a line marker: what follows is of a system header


class Compiled(NamedTuple):
    """A library in the cache.

    Attributes:
        path: The shared library.
        version: A hash of the user's own text: it changes with the code, and not with the system.
    """

    path: Path
    version: str


class _Text(NamedTuple):
    """Preprocessed text, taken apart."""

    own: bytes  # without what system headers have
    files: dict[str, bool]  # by name, whether it is of the system


def compiled(source: Path, flags: tuple[str, ...]) -> Compiled:
    """Returns the library of a source file, compiled now if there is none.

    Raises:
        CompileError: If it does not compile.
        MissingDependencyError: If there is no compiler.
    """
    compiler = Compiler(source, flags)
    folder = _folder()
    identity = compiler.identity()
    note = folder / f"{_hash([str(source), *identity])}.json"
    found = _by_note(note, source)
    if found is None:
        found = _by_content(compiler, source, flags, identity, note)
    with contextlib.suppress(OSError):
        os.utime(found.path)
    return found


def _by_note(note: Path, source: Path) -> Compiled | None:
    try:
        told = json.loads(note.read_bytes())
        found = Compiled(note.parent / told["library"], told["version"])
        same = all(_stamp(source, name, system) == was for name, system, was in told["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if same and found.path.exists() else None


def _by_content(
    compiler: Compiler,
    source: Path,
    flags: tuple[str, ...],
    identity: tuple[str, ...],
    note: Path,
) -> Compiled:
    folder, began = note.parent, time.time_ns() - _TICK_NS
    work = Path(tempfile.mkdtemp(prefix="build-", dir=folder))
    try:
        # Its name stands in messages about text that has no line of its own.
        preprocessed = work / (source.stem + compiler.suffix)
        compiler.preprocess(preprocessed)
        content = preprocessed.read_bytes()
        text = _take_apart(content)
        name = f"{_safe(source.stem)}-{_hash([content, *identity])}.so"
        found = Compiled(folder / name, _hash([text.own, *flags]))
        if not found.path.exists():
            said = compiler.link(preprocessed, work / name)
            os.replace(work / name, found.path)
            _remove_unused(folder)
            if said:
                warnings.warn(f"the compiler says of {source}:\n{said}", stacklevel=4)
        _write_note(note, work, found, source, text, began)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return found


def _write_note(
    note: Path, work: Path, found: Compiled, source: Path, text: _Text, began: int
) -> None:
    """Writes what the text was made of; nothing if any of it may have changed since."""
    try:
        stamps = [
            [name, system, _stamp(source, name, system)] for name, system in text.files.items()
        ]
        if any((source.parent / name).stat().st_mtime_ns >= began for name in text.files):
            return
    except OSError:  # generated code names the files that it was made of, which may be elsewhere
        return
    told = {"library": found.path.name, "version": found.version, "files": stamps}
    (work / note.name).write_text(json.dumps(told))
    os.replace(work / note.name, note)


def _stamp(source: Path, name: str, system: bool) -> list[int] | str:
    """Returns the state of a file that a source file includes, or is."""
    path = source.parent / name
    if not system:
        return _hash([path.read_bytes()])
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _take_apart(content: bytes) -> _Text:
    own: list[str] = []
    files: dict[str, bool] = {}
    is_own = True
    for line in content.decode("utf-8", "surrogateescape").splitlines():
        marker = _MARKER.match(line) if line.startswith("# ") else None
        if marker is None:
            if is_own and line.strip():
                own.append(line)
            continue
        name = re.sub(r"\\(.)", r"\1", marker[1])
        is_own = _SYSTEM not in marker[2].split()
        if not name.startswith("<") and not name.endswith("/"):
            files.setdefault(name, not is_own)
    return _Text("\n".join(own).encode("utf-8", "surrogateescape"), files)


def _folder() -> Path:
    """Returns the folder of the cache, made if need be; nobody else may write there."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base).absolute() / "headrace" / "native"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError as error:
        raise IoError(
            f"compiled transforms are kept in {folder}, which cannot be made ({error}); set "
            "XDG_CACHE_HOME to a folder of yours",
            file=str(folder),
        ) from error
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise InvalidError(
            f"compiled transforms are kept in {folder}, which others can write to, so that what is "
            "loaded from it could be anybody's; make it yours alone (chmod go-w), or set "
            "XDG_CACHE_HOME",
            file=str(folder),
        )
    return folder


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - _UNUSED_S
    for path in _entries(folder):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < oldest:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _entries(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        yield Path(entry.path)


def _safe(stem: str) -> str:
    return re.sub(r"[^\w.-]", "_", stem, flags=re.ASCII)[:64]


def _hash(parts: Iterable[str | bytes]) -> str:
    hasher = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        hasher.update(f"{len(content)}:".encode())
        hasher.update(content)
    return hasher.hexdigest()

"""Shared libraries: as they are given, or compiled from what is given."""

from __future__ import annotations

import hashlib
from pathlib import Path

from headrace.errors import InvalidError, NotFoundError, UnsupportedError
from headrace.native.compiler import LANGUAGES
from headrace.native.library_cache import compiled


def library_of(path: Path, flags: tuple[str, ...]) -> tuple[str, str]:
    """Returns the shared library that a path stands for, and a hash of its code.

    Raises:
        HeadraceError: As `load` says.
    """
    if not path.exists():
        raise NotFoundError(f"{str(path)!r} does not exist", file=str(path))
    if path.is_dir():
        raise InvalidError(f"{str(path)!r} is a directory; name a file in it", file=str(path))
    if path.suffix in LANGUAGES:
        found = compiled(path, flags)
        return str(found.path), found.version
    if ".so" not in path.suffixes:
        raise UnsupportedError(
            f"{str(path)!r} is neither a source file ({', '.join(LANGUAGES)}) nor a shared library "
            "(.so)",
            file=str(path),
        )
    if flags:
        raise InvalidError(
            f"flags={list(flags)!r}: {path.name} is compiled already", file=str(path)
        )
    with open(path, "rb") as file:
        content = hashlib.blake2b(file.read(), digest_size=16)
    return str(path), content.hexdigest()

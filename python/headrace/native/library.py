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


def load_error(error: InvalidError, source: Path, library: str) -> InvalidError:
    """Returns the error of a library that the system does not load, in terms of its source."""
    if source.suffix not in LANGUAGES or error.file != library:
        return error
    why = str(error).rpartition(f"{library}: ")[2]
    symbol = why.rpartition("undefined symbol: ")[2] if "undefined symbol: " in why else ""
    return InvalidError(
        f"{source} compiles and cannot be loaded: {why}"
        + (
            f"; define {symbol} there, or pass the library that has it: "
            'flags=["-lfoo"] for libfoo.so'
            if symbol
            else ""
        ),
        file=str(source),
    )

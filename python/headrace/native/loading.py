"""From a path to a transform that can be called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from headrace import checks
from headrace.errors import InvalidError
from headrace.native.transform import NativeTransform, Recipe

Options = str | Mapping[str, object]


def load(
    path: str | os.PathLike[str], *, options: Options = "", flags: Sequence[str] = ()
) -> NativeTransform:
    """Returns the transform in a source file, compiled if need be, or in a shared library.

    It implements the C interface in ``headrace/transform.h``, in C++ most shortly with
    ``headrace/transform.hpp``; docs/native.md shows how. A library is kept in the cache directory
    of the user (``$XDG_CACHE_HOME/headrace/native``) and compiled again when the source, a header
    that it includes, the flags or the compiler change.

    Args:
        path: A source file (.cpp, .cc, .cxx, .c), or a shared library (.so) in any language.
        options: What the transform is opened with: text of its own, or a dict, which becomes lines
            ``name=value``, as ``Setup.option()`` of the C++ header reads them.
        flags: More flags for the compiler, such as ``["-march=native", "-lz"]``; relative paths
            are below the folder of the source. The compiler is ``$CXX`` (for C ``$CC``) or the
            system's, with ``-O3 -std=c++20`` (``-std=c11``).

    Raises:
        CompileError: If it does not compile; says what the compiler says.
        NotFoundError: If there is no such file.
        MissingDependencyError: If there is no compiler.
        UnsupportedError: If it holds no transform, or one for another version of the interface.
        TransformError: If the transform refuses the options; says what it says.
    """
    return NativeTransform(_recipe(path, options, flags))


def _recipe(path: str | os.PathLike[str], options: Options, flags: object) -> Recipe:
    given = os.fspath(path)
    if not isinstance(given, str):
        raise InvalidError(f"a transform is loaded from a path, not from {path!r}")
    if not isinstance(flags, Sequence) or isinstance(flags, str | bytes):
        raise InvalidError(f'flags is a list of str such as ["-march=native"], not {flags!r}')
    for flag in flags:
        if not isinstance(flag, str) or "\0" in flag:
            raise InvalidError(f"flags are str without NUL, each one argument, not {flag!r}")
    return Recipe(os.path.abspath(given), _as_text(options), tuple(flags))


def _as_text(options: Options) -> str:
    if isinstance(options, str) and checks.is_utf8(options):
        return options
    if not isinstance(options, Mapping):
        raise InvalidError(f"options is a str of Unicode characters or a dict, not {options!r}")
    lines = []
    for name, value in options.items():
        if not isinstance(name, str):
            raise InvalidError(f"the names of options are str, not {name!r}")
        text = str(int(value)) if isinstance(value, bool) else str(value)
        if "=" in name or "\n" in name + text:
            raise InvalidError(
                f"options has {name!r}: {value!r}; names have no '=', and neither names nor values "
                "have line ends"
            )
        if not checks.is_utf8(name + text):
            raise InvalidError(
                f"options has {name!r}: {value!r}; names and values are Unicode characters, and a "
                "half of a surrogate pair is none"
            )
        lines.append(f"{name}={text}")
    return "\n".join(lines)

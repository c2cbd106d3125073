"""Compiled code, told by the file that holds it.

Nobody sees into a compiled function, so the bytes of its extension module stand for it: a module
that was built anew from other code is another one. Functions of the interpreter and of its
standard library count by name, since they change only with Python.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import sys
import types
from typing import Any

from headrace.errors import UnsupportedError

_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)
_STEP_BYTES = 1 << 20

# What pybind11 puts where a function of C has its module: a record of the function itself.
_RECORDS = ("PyCapsule", "pybind11_detail_function_record")


def is_compiled(value: object) -> bool:
    """Whether it is a function of an extension module, by whatever it was bound.

    Of functions as the C interface of Python has them (pybind11, PyO3) these are the ones whose
    module is a file; Cython and nanobind have types of their own.
    """
    kind = type(value)
    if kind is types.BuiltinFunctionType:
        return extension_file(value) is not None
    return (kind.__name__, kind.__module__.partition(".")[0]) == ("nb_func", "nanobind") or (
        kind.__name__.endswith("cython_function_or_method")
        and kind.__module__.startswith("_cython")
    )


def extension_file(function: Any) -> str | None:
    """Returns the file of the extension module that a compiled function says it is from.

    None if there is no such file, or none that tells what it does: an inner function of Cython may
    hold values of the outer one, and what is from the standard library counts by name.
    """
    module = getattr(function, "__module__", None)
    inner = "<locals>" in str(getattr(function, "__qualname__", ""))
    if not isinstance(module, str) or module.partition(".")[0] in sys.stdlib_module_names or inner:
        return None
    file = getattr(sys.modules.get(module), "__file__", None)
    return file if isinstance(file, str) and file.endswith(_SUFFIXES) else None


def owner_of(function: Any) -> object:
    """Returns what a compiled function is bound to; None if that is only its module or itself."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, types.ModuleType) or type(owner).__name__.startswith(_RECORDS):
        return None
    return owner


def content_of(file: str) -> bytes:
    """Returns a digest of the bytes of a file.

    Raises:
        UnsupportedError: If it cannot be read.
    """
    content = hashlib.blake2b(digest_size=16)
    try:
        with open(file, "rb") as library:
            while step := library.read(_STEP_BYTES):
                content.update(step)
    except OSError as error:
        raise UnsupportedError(f"its compiled code in {file!r} cannot be read: {error}") from error
    return content.digest()

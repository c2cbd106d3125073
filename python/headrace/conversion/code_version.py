"""Digests of code and values: what a conversion is called until its author names a version.

1. A function counts by its bytecode, constants, names and defaults, with the code nested in it;
   by what it closes over; and by what it finds under global names: data wherever it is from, and
   functions, classes and objects of its own package, as far as their content can be seen. File
   names and line numbers do not count, so moving code changes nothing.
2. An object counts by its class's code and its attributes, a container by what is in it, an array
   by its bytes. What has content that cannot be seen from here (a file, a lock, a handle of a
   library) is an error and never left out: a digest that cannot change would be a wrong one.
3. What a function reaches in other packages counts by name only.
4. A compiled function (pybind11, nanobind, Cython, PyO3) counts by the bytes of its extension
   module, and a library of ctypes by those of its file; `native_code` says which that is.
5. What has a ``__headrace_version__``, as native transforms do, counts by that.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import hashlib
import os
import re
import struct
import types
from collections.abc import Iterable, Mapping
from collections.abc import Set as AnySet
from pathlib import PurePath
from typing import Any

import numpy as np

from headrace import torch_bridge
from headrace.conversion import native_code
from headrace.errors import HeadraceError, UnsupportedError

_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class statement made it, or a library as if
_BY_REPR = frozenset({range, slice, complex, type(None), type(Ellipsis), type(NotImplemented)})
_REPR_MODULES = frozenset({"datetime", "decimal", "fractions", "uuid", "zoneinfo"})
_NAMED = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
_CONSTANTS = (bool, int, float, complex, str, bytes, re.Pattern, type(None))
_METHODS = (types.FunctionType, staticmethod, classmethod, property)
_CACHED = type(functools.cache(repr))
_DATA = (
    *(*_CONSTANTS, tuple, list, dict, set, frozenset, np.ndarray, np.generic),
    *(enum.Enum, PurePath, functools.partial, types.MethodType, ctypes.CDLL),
)
_PARAMETERS = 0x04 | 0x08  # CO_VARARGS, CO_VARKEYWORDS
_CONTAINERS = (dict, list, tuple, set, frozenset, str, bytes, int, float, Mapping)
_STATELESS = frozenset({object, dict, list, tuple, set, frozenset, str, bytes, int, float})


def code_version(transform: object) -> str:
    """Returns 16 hexadecimal digits that change with the code and the constants of a callable.

    Raises:
        UnsupportedError: If it holds something whose content cannot be seen.

    Example:
        >>> def double(x, by=2):
        ...     return by * x
        >>> first = code_version(double)
        >>> def double(x, by=3):
        ...     return by * x
        >>> code_version(double) == first
        False
    """
    return f"{digest(transform):016x}"


def digest(value: object) -> int:
    """Returns 64 bits that are equal for equal values, in every process.

    Raises:
        UnsupportedError: If it is or holds something whose content cannot be seen.
    """
    hasher = Hasher()
    hasher.add(value)
    return hasher.value()


class Hasher:
    """Feeds values to a hash, each as a tag, a length and its parts."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=8)
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # an id is unique only while its object lives

    def value(self) -> int:
        """Returns 64 bits of the hash so far."""
        return int.from_bytes(self._hash.digest(), "big")

    def add(self, value: Any) -> None:
        """Feeds a value; raises UnsupportedError as `digest` does."""
        kind = type(value)
        if kind in (bool, int, float, str, bytes) or kind in _BY_REPR:
            self._add_plain(value)
        elif _has_version(kind):
            self._tagged("version", value.__headrace_version__.encode())
        elif isinstance(value, PurePath):
            self._tagged("path", str(value).encode("utf-8", "surrogateescape"))
        elif isinstance(value, np.ndarray | np.generic) or torch_bridge.is_tensor(value):
            self._add_array(value)
        elif isinstance(value, re.Pattern):
            self._tagged("pattern", repr((value.pattern, value.flags)).encode())
        elif isinstance(value, enum.Enum):
            self._tagged("enum", f"{kind.__module__}.{kind.__qualname__}.{value.name}".encode())
            self._add_visible(value.value)
        elif kind.__module__ in _REPR_MODULES:
            self._tagged(kind.__name__, repr(value).encode())
        elif isinstance(value, types.ModuleType):
            self._tagged("module", value.__name__.encode())
        elif (kind in (tuple, frozenset) and _is_constant(value)) or self._is_new(value):
            self._add_compound(value)

    def _add_visible(self, value: Any) -> None:
        """Adds an object if all its content can be seen, and else nothing."""
        before, count = self._hash.copy(), len(self._kept)
        try:
            self.add(value)
        except (HeadraceError, RecursionError):
            self._hash = before
            for forgotten in self._kept[count:]:
                del self._seen[id(forgotten)]
            del self._kept[count:]

    def _add_plain(self, value: Any) -> None:
        if isinstance(value, str):
            self._tagged("str", value.encode("utf-8", "surrogatepass"))
        elif isinstance(value, bytes):
            self._tagged("bytes", value)
        elif isinstance(value, float):
            self._tagged("float", struct.pack(">d", value))
        else:
            self._tagged(type(value).__name__, repr(value).encode())

    def _digest_alone(self, value: Any) -> int:
        hasher = type(self)()
        hasher.add(value)
        return hasher.value()

    def _tagged(self, tag: str, content: bytes) -> None:
        self._hash.update(f"{tag}:{len(content)}:".encode())
        self._hash.update(content)

    def _is_new(self, value: object) -> bool:
        """Whether this object was not yet added; if it was, its number stands for it."""
        number = self._seen.setdefault(id(value), len(self._seen))
        if number < len(self._kept):
            self._tagged("again", str(number).encode())
            return False
        self._kept.append(value)
        return True

    def _add_array(self, value: Any) -> None:
        if torch_bridge.is_tensor(value):
            dtype = str(value.dtype)
            array = torch_bridge.to_numpy(torch_bridge.to_cpu_strided(value, column="a tensor"))
            if torch_bridge.is_tensor(array):
                array = torch_bridge.bfloat16_to_bits(array)
        else:
            array, dtype = np.asarray(value), value.dtype.str
        self._tagged("array", f"{dtype}{array.shape}".encode())
        if array.dtype.hasobject:
            self._add_all("objects", array.ravel().tolist())
        else:
            self._hash.update(np.ascontiguousarray(array).tobytes())

    def _add_all(self, tag: str, values: Iterable[Any]) -> None:
        parts = list(values)
        self._tagged(tag, str(len(parts)).encode())
        for part in parts:
            self.add(part)

    def _add_compound(self, value: Any) -> None:
        kind = type(value)
        if isinstance(value, types.CodeType):
            self._add_code(value)
        elif isinstance(value, types.FunctionType):
            self._add_function(value)
        elif isinstance(value, types.MethodType):
            self._add_all("method", (value.__func__, value.__self__))
        elif isinstance(value, functools.partial):
            self._add_all("partial", (value.func, value.args, value.keywords))
        elif native_code.is_compiled(value):
            self._add_compiled(value)
        elif isinstance(value, _NAMED):
            self._add_builtin(value)
        elif isinstance(value, ctypes.CDLL):
            self._add_library(value)
        elif isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, staticmethod | classmethod):
            self._add_all(type(value).__name__, (value.__func__,))
        elif isinstance(value, property):
            self._add_all("property", (value.fget, value.fset, value.fdel))
        elif isinstance(value, functools.cached_property):  # it has a lock
            self._add_all("property", (value.func,))
        elif isinstance(value, _CACHED) or (_is_native(kind) and hasattr(value, "__wrapped__")):
            self._add_all("wrapped", (value.__wrapped__,))  # functools.cache, numba.jit
        else:
            self._add_object(value)

    def _add_code(self, code: types.CodeType) -> None:
        self._tagged("code", code.co_code)
        variadic = code.co_flags & _PARAMETERS
        named = code.co_argcount + code.co_kwonlyargcount + variadic.bit_count()
        self._tagged("counts", f"{code.co_posonlyargcount},{code.co_argcount},{variadic}".encode())
        self._add_all("parameters", code.co_varnames[:named])
        self._add_all("names", (*code.co_names, *code.co_freevars))
        # The first constant of a function with a docstring is the docstring.
        self._add_all("constants", code.co_consts)

    def _add_function(self, function: Any) -> None:
        self._add_all("function", (function.__code__, function.__defaults__))
        self._add_all("keywords", sorted((function.__kwdefaults__ or {}).items()))
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # not yet filled
                self._tagged("empty", b"")
                continue
            self.add(content)
        for name, value in sorted(vars(function).items()):
            if not _is_special(name):
                self._tagged("attribute", name.encode())
                self._add_visible(value)
        package = str(function.__module__).partition(".")[0]
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                self._add_global(name, function.__globals__[name], package)

    def _add_global(self, name: str, value: Any, package: str) -> None:
        """Adds what a function finds under a global name: it may be anything of its module."""
        self._tagged("global", name.encode())
        if _counts(value, package):
            self._add_visible(value)

    def _add_builtin(self, value: Any) -> None:
        owner = getattr(value, "__self__", None)
        self._tagged("builtin", value.__qualname__.encode())
        if owner is not None:
            self.add(owner)

    def _add_compiled(self, function: Any) -> None:
        file = native_code.extension_file(function)
        if file is None:
            raise _unseen(function)
        self._tagged("compiled", function.__name__.encode())
        self._tagged("module", native_code.content_of(file))
        self._add_all("defaults", [getattr(function, "__defaults__", None)])
        if (owner := native_code.owner_of(function)) is not None:
            self.add(owner)

    def _add_library(self, library: ctypes.CDLL) -> None:
        name = str(library._name)
        if os.path.isfile(name):
            self._tagged("library", native_code.content_of(name))
        else:  # found by the loader, as "libm.so.6": one of the system
            self._tagged("library", name.encode())

    def _add_class_name(self, kind: type) -> None:
        self._tagged("class", f"{kind.__module__}.{kind.__qualname__}".encode())

    def _add_class(self, kind: type) -> None:
        self._add_class_name(kind)
        if not has_code(kind):
            return
        package = kind.__module__.partition(".")[0]
        for name, member in sorted(vars(kind).items()):
            if isinstance(member, _METHODS):
                self._tagged("member", name.encode())
                self.add(member)
            elif not _is_special(name) and _counts(member, package):
                self._tagged("member", name.encode())
                self._add_visible(member)
        self._add_all("bases", kind.__bases__)

    def _add_object(self, value: Any) -> None:
        kind = type(value)
        # Of OrderedDict and its like, what is in them is all.
        if _is_native(kind) and not isinstance(value, Mapping):
            raise _unseen(value)
        self.add(kind)
        if isinstance(value, Mapping):
            self._add_all("mapping", [part for item in value.items() for part in item])
        elif isinstance(value, AnySet):
            self._add_all("set", sorted(map(self._digest_alone, value)))
        elif isinstance(value, list | tuple):
            self._add_all("sequence", value)
        elif isinstance(value, str | bytes | int | float):
            self._tagged("repr", repr(value).encode("utf-8", "surrogatepass"))
        state = attributes_of(value)
        if state is None and kind not in _STATELESS and not isinstance(value, tuple(_CONTAINERS)):
            raise _unseen(value)
        self._add_all("state", [part for item in sorted((state or {}).items()) for part in item])


def has_code(kind: type) -> bool:
    """Whether a class was written in Python."""
    return bool(kind.__flags__ & _HEAP_TYPE)


def _has_version(kind: type) -> bool:
    return hasattr(kind, "__headrace_version__")


def _counts(value: object, package: str) -> bool:
    """Whether the value of a name in a module or a class of `package` is part of its code."""
    if isinstance(value, (*_DATA, functools.cached_property, functools.partialmethod)):
        return True
    if _has_version(type(value)):
        return True
    own = str(getattr(value, "__module__", "")).partition(".")[0] == package
    return own or torch_bridge.is_tensor(value)


def _is_native(kind: type) -> bool:
    """Whether objects of a class may hold what Python cannot see."""
    bases = [base for base in kind.__mro__ if base not in _STATELESS]
    return any(not base.__flags__ & _HEAP_TYPE or _hides_fields(base) for base in bases)


def _hides_fields(kind: type) -> bool:
    """Whether objects are larger than a class statement makes them: fields of a library."""
    names = vars(kind)
    slots = sum(isinstance(member, types.MemberDescriptorType) for member in names.values())
    seen = (slots if "__slots__" in names else 0) + ("__dict__" in names) + ("__weakref__" in names)
    base = kind.__base__ or object
    return kind.__basicsize__ - base.__basicsize__ > seen * struct.calcsize("P")


def _is_constant(value: object) -> bool:
    """Whether it is a value that cannot be changed."""
    if isinstance(value, tuple | frozenset):
        return all(map(_is_constant, value))
    return isinstance(value, _CONSTANTS)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _names(code: types.CodeType) -> set[str]:
    """Returns the global names that code and the code nested in it may look up."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def attributes_of(value: Any) -> dict[str, Any] | None:
    """Returns the attributes of an object, None where it has neither a dict nor slots."""
    slots = [
        name
        for kind in type(value).__mro__
        for name, member in vars(kind).items()
        if isinstance(member, types.MemberDescriptorType)
    ]
    if not slots and not hasattr(value, "__dict__"):
        # An instance of a class without any attribute, such as one with __slots__ = ().
        return {} if all("__slots__" in vars(k) for k in type(value).__mro__[:-1]) else None
    found = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return found | dict(getattr(value, "__dict__", {}))


def _unseen(value: object) -> UnsupportedError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return UnsupportedError(
        f"it holds a {kind}, whose content cannot be seen, so that a change would go unnoticed"
    )

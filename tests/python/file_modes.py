"""Files whose mode forbids to read them, also where the tests run as root."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_VERSION_3 = 0x20080522
_MAY_READ_ALL = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inherited"))


@contextlib.contextmanager
def modes_that_count() -> Iterator[None]:
    """Takes from root what lets it read every file: in this thread, and in those it starts here."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, words = _Header(_VERSION_3, 0), (_Words * 2)()
    _call(libc.capget, header, words)
    before = words[0].effective
    words[0].effective = before & ~_MAY_READ_ALL
    _call(libc.capset, header, words)
    try:
        yield
    finally:
        words[0].effective = before
        _call(libc.capset, header, words)


def _call(function: object, header: _Header, words: ctypes.Array[_Words]) -> None:
    if function(ctypes.byref(header), words) != 0:  # type: ignore[operator]
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))

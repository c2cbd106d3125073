"""Checks of single arguments, shared by what takes them."""

from __future__ import annotations

import operator
import os

import numpy as np

from headrace.errors import InvalidError, UnsupportedError
from headrace.stores.store_url import shown

MAX_INT64 = 2**63 - 1
MAX_THREADS = 1024  # of any kind
_YEAR_SECONDS = 31_536_000


def check_int(name: str, value: object, *, low: int, high: int, hint: str = "") -> int:
    """Returns `value` as an int in [low, high], or raises InvalidError."""
    advice = f"; {hint}" if hint else ""
    if isinstance(value, (bool, np.bool_)) or not hasattr(value, "__index__"):
        kind = type(value).__name__
        raise InvalidError(f"{name} must be an int, not {value!r} ({kind}){advice}")
    number = operator.index(value)
    if not low <= number <= high:
        raise InvalidError(
            f"{name} must lie between {low} and {_bound(high)}, not {number}{advice}"
        )
    return number


def _bound(value: int) -> str:
    power = (value + 1).bit_length() - 1
    return f"2**{power} - 1" if power >= 20 and value + 1 == 1 << power else str(value)


def check_seed(seed: object) -> int:
    """Returns a seed in [0, 2**64), or raises InvalidError."""
    return check_int("seed", seed, low=0, high=2**64 - 1)


def thread_count(threads: object) -> int:
    """Returns how many threads are asked for; None is one for each core the process may use."""
    if threads is None:
        return len(os.sched_getaffinity(0))
    return check_int("threads", threads, low=1, high=MAX_THREADS)


def check_seconds(name: str, value: object) -> float:
    """Returns a time from a millisecond to a year, in seconds, or raises InvalidError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_time(value):
        raise InvalidError(
            f"{name} is a number of seconds between 0.001 and {_YEAR_SECONDS}, not {value!r}"
        )
    return float(value)


def _is_time(seconds: float) -> bool:
    return 1e-3 <= seconds <= _YEAR_SECONDS  # NaN is none


def check_bool(name: str, value: object) -> bool:
    """Returns `value` as a bool, or raises InvalidError."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise InvalidError(f"{name} is True or False, not {value!r}")


def check_executor(executor: object) -> None:
    """Raises InvalidError for what nothing can be submitted to; None is no executor."""
    if executor is not None and (not hasattr(executor, "submit") or isinstance(executor, type)):
        raise InvalidError(
            f"executor needs a method submit, as ProcessPoolExecutor() has; found {executor!r}"
        )


def check_column_name(name: object) -> None:
    """Raises InvalidError if `name` cannot be a column's."""
    if not isinstance(name, str) or not is_utf8(name):
        raise InvalidError(f"a column's name is a str of Unicode characters, not {name!r}")


def is_utf8(text: str) -> bool:
    """Whether `text` has an encoding; a name of a file may be any bytes, kept as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_directory(path: object) -> str:
    """Returns where a dataset is written to, as a str."""
    if not isinstance(path, str | os.PathLike):
        raise InvalidError(f"a dataset is written to a directory, not to {path!r}")
    text: object = os.fspath(path)
    if not isinstance(text, str) or not text:
        raise InvalidError(f"a dataset is written to a directory named by a str, not to {text!r}")
    if "://" in text:
        raise UnsupportedError(
            f"{shown(text)!r} is a URL, and only hr.Writer and hr.convert write to those; name a "
            "directory"
        )
    if os.path.exists(text) and not os.path.isdir(text):
        raise InvalidError(f"{text!r} is a file; a dataset is a directory", file=text)
    return text

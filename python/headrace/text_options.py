"""The options of `headrace.text.Hasher`, checked when it is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from headrace import checks
from headrace.errors import InvalidError
from headrace.optional_packages import require


def ngram_range(given: object) -> tuple[int, int]:
    """Returns the least and the most words, or characters, of a feature."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InvalidError(f"ngram_range is a pair such as (1, 2), not {given!r}")
    least, most = (
        checks.check_int("ngram_range", bound, low=1, high=checks.MAX_INT64) for bound in given
    )
    if least > most:
        raise InvalidError(f"ngram_range is (least, most), and {least} is more than {most}")
    return least, most


def dtype_name(given: Any) -> str:
    """Returns the name of a dtype, of which the core takes two."""
    try:
        return str(np.dtype(given).name)
    except TypeError as error:
        raise InvalidError(f"dtype is float64 or float32, not {given!r}") from error


def check_choice(name: str, given: object, choices: Sequence[str | None]) -> None:
    """Raises InvalidError for what is none of the choices."""
    if (given is None or isinstance(given, str)) and given in choices:
        return
    hint = ""
    if callable(given):
        hint = "; a function of Python cannot run in C++: apply it to the texts before"
    shown = ", ".join(repr(choice) for choice in choices)
    raise InvalidError(f"{name} is one of {shown}, not {given!r}{hint}")


def check_encoding(given: object) -> None:
    """Raises InvalidError for what is no encoding that Python has."""
    if not isinstance(given, str):
        raise InvalidError(f'encoding is the name of one, such as "utf-8", not {given!r}')
    try:
        b"a".decode(given, "ignore")  # of no bytes, any name would do
    except (LookupError, ValueError) as error:
        raise InvalidError(
            f"encoding={given!r}: Python has none of that name ({error}); the codecs module lists "
            "what there is"
        ) from error


def stop_words(given: Any, analyzer: str) -> tuple[str, ...] | None:
    """Returns the words in order, of scikit-learn where its list is asked for."""
    if given is None:
        return None
    if analyzer != "word":
        raise InvalidError(f'stop_words are for analyzer="word", and it is {analyzer!r}')
    if isinstance(given, str) and given == "english":
        module = require("sklearn.feature_extraction.text", to="know English stop words")
        given = module.ENGLISH_STOP_WORDS
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InvalidError(f'stop_words is a list of words, "english" or None, not {given!r}')
    words = list(given)
    for word in words:
        if not isinstance(word, str) or not checks.is_utf8(word):
            raise InvalidError(f"stop_words are str of Unicode characters, not {word!r}")
    return tuple(sorted(set(words)))

"""A numba kernel over bytes, prange over documents; knows the lower case of ASCII only."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np

from harness.text import OPTIONS, Arrays

PACKAGE = "numba"
ASCII_ONLY = True
_COLUMNS = OPTIONS["n_features"]


def _kept_bytes() -> Any:
    kept = np.zeros(256, np.uint8)
    for byte in range(256):
        character = chr(byte)
        if byte >= 0x80 or character.isalnum() or character == "_":
            kept[byte] = byte if byte >= 0x80 else ord(character.lower())
    return kept


_KEPT = _kept_bytes()


@numba.njit(inline="always")
def _word(text: Any, at: int) -> Any:
    return (
        np.uint32(text[at]) | np.uint32(text[at + 1]) << np.uint32(8)
        | np.uint32(text[at + 2]) << np.uint32(16) | np.uint32(text[at + 3]) << np.uint32(24)
    )  # fmt: skip


@numba.njit(inline="always")
def _mixed(word: Any) -> Any:
    word = np.uint32(word * np.uint32(0xCC9E2D51))
    word = np.uint32(word << np.uint32(15)) | (word >> np.uint32(17))
    return np.uint32(word * np.uint32(0x1B873593))


@numba.njit
def _hash(text: Any, begin: int, end: int) -> Any:
    hashed = np.uint32(0)
    at = begin
    while end - at >= 4:
        hashed ^= _mixed(_word(text, at))
        hashed = np.uint32(hashed << np.uint32(13)) | (hashed >> np.uint32(19))
        hashed = np.uint32(hashed * np.uint32(5) + np.uint32(0xE6546B64))
        at += 4
    rest = np.uint32(0)
    for k in range(end - at):
        rest |= np.uint32(text[at + k]) << np.uint32(8 * k)
    hashed ^= _mixed(rest)
    hashed ^= np.uint32(end - begin)
    hashed = np.uint32((hashed ^ (hashed >> np.uint32(16))) * np.uint32(0x85EBCA6B))
    hashed = np.uint32((hashed ^ (hashed >> np.uint32(13))) * np.uint32(0xC2B2AE35))
    return hashed ^ (hashed >> np.uint32(16))


@numba.njit
def _key(hashed: Any, columns: int) -> Any:
    signed = np.int64(np.int32(hashed))
    return (abs(signed) % columns) << 1 | np.int64(signed < 0)


@numba.njit
def _read_words(text: Any, kept: Any, out: Any, begins: Any, ends: Any) -> Any:
    to = words = first = 0
    for k in range(len(text) + 1):
        byte = kept[text[k]] if k < len(text) else np.uint8(0)
        if byte:
            out[to] = byte
            to += 1
        elif to - first >= 2:
            begins[words], ends[words] = first, to
            words += 1
            out[to] = 32
            to += 1
            first = to
        else:
            to = first
    return words


@numba.njit
def _row(text: Any, kept: Any, columns: int, indices: Any, values: Any) -> Any:
    out = np.empty(len(text) + 8, np.uint8)
    begins = np.empty(len(text) // 2 + 2, np.int64)
    ends = np.empty_like(begins)
    words = _read_words(text, kept, out, begins, ends)
    if words == 0:
        return 0
    keys = np.empty(2 * words - 1, np.int64)
    for k in range(words):
        keys[k] = _key(_hash(out, begins[k], ends[k]), columns)
        if k:
            keys[words + k - 1] = _key(_hash(out, begins[k - 1], ends[k]), columns)
    keys.sort()
    entries = -1
    column = np.int64(-1)
    for key in keys:
        if key >> 1 != column:
            column = key >> 1
            entries += 1
            indices[entries] = column
            values[entries] = 0.0
        values[entries] += 1 - 2 * (key & 1)
    norm = 0.0
    for k in range(entries + 1):
        norm += values[k] * values[k]
    if norm > 0:
        values[: entries + 1] /= np.sqrt(norm)
    return entries + 1


@numba.njit(parallel=True)
def _rows(text: Any, offsets: Any, kept: Any, columns: int, places: Any, indices: Any,
          values: Any, counts: Any) -> None:  # fmt: skip
    for row in numba.prange(len(offsets) - 1):
        begin, end = places[row], places[row + 1]
        counts[row] = _row(text[offsets[row] : offsets[row + 1]], kept, columns,
                           indices[begin:end], values[begin:end])  # fmt: skip


@numba.njit(parallel=True)
def _joined(places: Any, indptr: Any, indices: Any, values: Any, to: Any, to_values: Any) -> None:
    for row in numba.prange(len(indptr) - 1):
        count = indptr[row + 1] - indptr[row]
        to[indptr[row] : indptr[row + 1]] = indices[places[row] : places[row] + count]
        to_values[indptr[row] : indptr[row + 1]] = values[places[row] : places[row] + count]


def hash_texts(documents: list[str]) -> Arrays:
    encoded = [document.encode() for document in documents]
    offsets = np.array([0, *itertools.accumulate(map(len, encoded))])
    text = np.frombuffer(b"".join(encoded), np.uint8)
    places = np.concatenate([[0], np.cumsum(np.diff(offsets) * 2 // 3 + 2)])  # features at most
    indices, values = np.empty(places[-1], np.int32), np.empty(places[-1])
    counts = np.empty(len(documents), np.int64)
    _rows(text, offsets, _KEPT, _COLUMNS, places, indices, values, counts)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    found = np.empty(indptr[-1], np.int32), np.empty(indptr[-1])
    _joined(places, indptr, indices, values, *found)
    return indptr, *found


def arrays(result: Arrays) -> Arrays:
    return result

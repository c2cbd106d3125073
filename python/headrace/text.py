"""Text to features in C++: what scikit-learn's HashingVectorizer gives, bit for bit."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

import numpy as np

from headrace import _core, arrow_input, checks, text_options
from headrace.column_rows import ColumnRows
from headrace.errors import InvalidError, UnsupportedError
from headrace.optional_packages import require
from headrace.pairing import files_of

Analyzer = Literal["word", "char", "char_wb"]
DecodeError = Literal["strict", "replace", "ignore"]
Norm = Literal["l1", "l2"]
Split = Literal["line", "paragraph", "file"]

UNICODE_VERSION = _core.UNICODE_VERSION
"""Which characters are parts of words, and their lower case, is that of this version of Unicode."""

_UTF8 = frozenset({"utf-8", "utf8", "utf_8", "u8", "utf", "cp65001"})


@dataclass(frozen=True)
class Hasher:
    """Hashes text to rows of a sparse matrix, on all cores and without Python's lock.

    What `transform` returns is what scikit-learn's ``HashingVectorizer`` returns for the same
    parameters, bit for bit: the same columns in the same order, the same values, entries of 0 where
    features cancel out. Which characters words have, and what lower case is, is that of
    `UNICODE_VERSION`, which is Python 3.11's.

    Args:
        n_features: How many columns the matrix has.
        ngram_range: The least and the most words, or characters, that make a feature.
        analyzer: What features are made of: "word" is words of two characters and more, "char" all
            characters, "char_wb" the characters of a word with a space before it and one behind.
        lowercase: Whether text is made lower case first, as ``str.lower`` does.
        stop_words: Words that are left out, a list of str; "english" is scikit-learn's list, which
            must be installed for it. For words only.
        alternate_sign: Whether the hash also chooses between adding 1 and taking it away, so that
            features that fall into one column cancel out on average.
        binary: Whether all entries are 1 before they are scaled.
        norm: "l2" or "l1" scales every row to that norm, None none.
        dtype: Of the values, float64 or float32.
        encoding: Of texts that are bytes. What is not UTF-8 is decoded by Python.
        decode_error: What becomes of bytes that are not of the encoding: "strict" raises, "replace"
            puts U+FFFD there, "ignore" leaves them out.
        strip_accents: Only None: strip them before, as the message says.

    Raises:
        InvalidError: If a parameter is not one of those above.
        UnsupportedError: For `strip_accents`.

    Example:
        >>> import headrace as hr
        >>> hasher = hr.text.Hasher(16, ngram_range=(1, 2), norm=None)
        >>> matrix = hasher.transform(["to be or not to be", "that is the question"])
        >>> matrix.shape, matrix.dtype, matrix[0].sum()
        ((2, 16), dtype('float64'), ...)
    """

    n_features: int = 2**20
    _: KW_ONLY
    ngram_range: tuple[int, int] = (1, 1)
    analyzer: Analyzer = "word"
    lowercase: bool = True
    stop_words: Literal["english"] | Iterable[str] | None = None
    alternate_sign: bool = True
    binary: bool = False
    norm: Norm | None = "l2"
    dtype: Any = np.float64
    encoding: str = "utf-8"
    decode_error: DecodeError = "strict"
    strip_accents: None = None

    def __post_init__(self) -> None:
        """Checks the parameters, and keeps those that could change as values that cannot."""
        if self.strip_accents is not None:
            raise UnsupportedError(
                f"strip_accents={self.strip_accents!r} is not offered; strip them from the texts "
                'before: unicodedata.normalize("NFKD", text), and leave out the characters that '
                "unicodedata.combining names"
            )
        keep = object.__setattr__
        keep(self, "n_features", checks.check_int("n_features", self.n_features, low=1,
                                                  high=2**31 - 1))  # fmt: skip
        keep(self, "ngram_range", text_options.ngram_range(self.ngram_range))
        text_options.check_choice("analyzer", self.analyzer, get_args(Analyzer))
        text_options.check_choice("norm", self.norm, (None, *get_args(Norm)))
        text_options.check_choice("decode_error", self.decode_error, get_args(DecodeError))
        text_options.check_encoding(self.encoding)
        keep(self, "dtype", text_options.dtype_name(self.dtype))
        keep(self, "stop_words", text_options.stop_words(self.stop_words, self.analyzer))
        for name in ("lowercase", "alternate_sign", "binary"):
            keep(self, name, checks.check_bool(name, getattr(self, name)))
        self._made()

    def transform(self, texts: Any, *, threads: int | None = None) -> Any:
        """Returns a row for each text, as a ``scipy.sparse.csr_matrix``.

        Args:
            texts: An iterable of str or bytes, a numpy array of them, or a column of text or bytes
                that exports Arrow data (pyarrow, Polars, ...), which is read in place.
            threads: How many threads hash; None is one for each core.

        Raises:
            InvalidError: For a document that is neither str nor bytes, or cannot be decoded, by its
                number; for nulls.
            MissingDependencyError: If scipy is not installed.
        """
        count = checks.thread_count(threads)
        hasher = self._made()
        if arrow_input.exports_arrow(texts) and not isinstance(texts, np.ndarray):
            rows = _text_rows(texts)
            offsets = np.asarray(rows.offsets, np.int64)
            if not self._decodes_bytes(rows):
                arrays = _core.hash_rows(hasher, offsets, rows.values, threads=count)
                return self._matrix(arrays)
            texts = _core.bytes_rows(offsets, rows.values)
        if isinstance(texts, np.ndarray):
            texts = _listed(texts)
        if not isinstance(texts, str | bytes) and not self._is_utf8():
            texts = _decoded(texts, self.encoding, self.decode_error)
        expected = operator.length_hint(texts)
        return self._matrix(_core.hash_texts(hasher, texts, expected=expected, threads=count))

    def transform_files(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        split: Split = "line",
        threads: int | None = None,
    ) -> Iterator[Any]:
        r"""Yields the rows of text files, as matrices of up to 8 MiB of text each.

        The files are read, decoded and cut into documents in C++. Memory is bounded, however large
        they are: a matrix is of less text the more n-grams there are of it. The rows are in the
        order of the files.

        Args:
            paths: The files, in UTF-8: a path, a glob, or paths.
            split: What a document is: "line" is each line, also an empty one, ended by ``\n``,
                ``\r\n`` or ``\r``; "paragraph" is lines in a row that are not blank; "file" is a
                whole file.
            threads: How many threads hash; None is one for each core.

        Raises:
            InvalidError: For text that is not UTF-8, unless `decode_error` says otherwise, with
                the file and the byte; for a directory.
            NotFoundError: If a file does not exist, or a glob matches nothing.
            IoError: If it cannot be read.
            UnsupportedError: For a document of more than 16 MiB, or another encoding.
        """
        if not self._is_utf8():
            raise UnsupportedError(
                f"files are read as UTF-8, and encoding is {self.encoding!r}; convert them, for "
                f"example with iconv -f {self.encoding} -t utf-8"
            )
        text_options.check_choice("split", split, get_args(Split))
        files = _core.HashedFiles(self._made(), _paths(paths), split=split,
                                  threads=checks.thread_count(threads))  # fmt: skip
        return self._matrices(files)

    def file_transform(self, *, column: str = "x", split: Split = "line",
                       threads: int | None = None) -> FileTransform:  # fmt: skip
        r"""Returns what `hr.convert` takes as a transform of text files.

        Example:
            >>> import os, tempfile, headrace as hr
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = os.path.join(folder, "lines.txt")
            ...     with open(path, "w") as file:
            ...         _ = file.write("to be or not to be\nthat is the question\n")
            ...     hashed = hr.text.Hasher(2**18, dtype="float32").file_transform()
            ...     ds = hr.convert(path, f"{folder}/ds", transform=hashed, progress=False)
            ...     ds.schema
            Schema(x: csr float32[262144])
        """
        checks.check_column_name(column)
        text_options.check_choice("split", split, get_args(Split))
        if threads is not None:
            threads = checks.thread_count(threads)
        return FileTransform(self, column, split, threads)

    def _made(self) -> _core.TextHasher:
        return _core.TextHasher.make(
            n_features=self.n_features,
            least=self.ngram_range[0],
            most=self.ngram_range[1],
            analyzer=self.analyzer,
            lowercase=self.lowercase,
            alternate_sign=self.alternate_sign,
            binary=self.binary,
            norm="none" if self.norm is None else self.norm,
            stop_words=list(self.stop_words or ()),
            decode_error=self.decode_error,
            dtype=self.dtype,
        )

    def _matrix(self, arrays: tuple[Any, Any, Any]) -> Any:
        sparse = require("scipy.sparse", to="return a sparse matrix")
        indptr, indices, values = arrays
        shape = (len(indptr) - 1, self.n_features)
        matrix = sparse.csr_matrix((values, indices, indptr), shape=shape, copy=False)
        matrix.has_canonical_format = True
        return matrix

    def _matrices(self, files: _core.HashedFiles) -> Iterator[Any]:
        while (arrays := files.next()) is not None:
            yield self._matrix(arrays)

    def _is_utf8(self) -> bool:
        return self.encoding.lower() in _UTF8

    def _decodes_bytes(self, rows: ColumnRows) -> bool:
        return rows.field.kind == "bytes" and not self._is_utf8()


@dataclass(frozen=True)
class FileTransform:
    """Called with the path of a text file, yields columns of some of its rows at a time.

    Attributes:
        hasher: What the rows are made by.
        column: The name of their column.
        split: What a row is made of, as for `Hasher.transform_files`.
        threads: How many threads hash; None is one for each core.
    """

    hasher: Hasher
    column: str
    split: Split
    threads: int | None

    def __call__(self, path: str) -> Iterator[dict[str, Any]]:
        """Yields the columns."""
        hashed = self.hasher.transform_files(path, split=self.split, threads=self.threads)
        return ({self.column: matrix} for matrix in hashed)


def _text_rows(texts: Any) -> ColumnRows:
    column = arrow_input.ArrowColumn(arrow_input.one_array("texts", texts), {})
    if nulls := column.array.null_count:
        raise InvalidError(
            f"{nulls} of the {len(column.array)} texts are null; put text in their place, as "
            'texts.fillna("") of pandas and texts.fill_null("") of pyarrow and Polars do, or leave '
            "them out"
        )
    rows = arrow_input.read_column("texts", column)
    if rows.field.kind not in ("text", "bytes"):
        raise InvalidError(f"texts are a column of text or bytes, not of {rows.field!r}")
    return rows


def _listed(array: Any) -> list[Any]:
    if array.ndim != 1:
        raise InvalidError(f"texts are an array of one dimension, not of shape {array.shape}")
    texts: list[Any] = array.tolist()
    return texts


def _decoded(texts: Iterable[Any], encoding: str, errors: str) -> Iterator[Any]:
    for number, text in enumerate(texts):
        if not isinstance(text, bytes):
            yield text
            continue
        try:
            yield text.decode(encoding, errors)
        except UnicodeDecodeError as error:
            raise InvalidError(
                f"document {number} is not {encoding} at byte {error.start} ({error.reason}); pass "
                'decode_error="replace" or "ignore", or another encoding=',
                row=number,
                offset=error.start,
            ) from error


def _paths(given: object) -> list[str]:
    if isinstance(given, Iterable) and not isinstance(given, Sequence | os.PathLike):
        given = list(given)
    return files_of(given, example="*.txt")

"""Hashed text: what goes in, in which forms, and what is said of what cannot."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import headrace as hr
from headrace.conversion.code_version import code_version

pytest.importorskip("scipy.sparse")

TEXTS = ["To be, or not to be", "", "that is the question", "Ärger im Käfig, ΟΔΟΣ", "\0\0ab\0cd"]


def same(found: Any, expected: Any) -> bool:
    """Whether two matrices are the same, bit for bit."""
    return found.shape == expected.shape and all(
        a.dtype == b.dtype and np.array_equal(a, b)
        for a, b in (
            (found.indptr, expected.indptr),
            (found.indices, expected.indices),
            (found.data, expected.data),
        )
    )


@pytest.fixture(scope="module")
def hasher() -> hr.text.Hasher:
    return hr.text.Hasher(2**18, ngram_range=(1, 2))


@pytest.fixture(scope="module")
def expected(hasher: hr.text.Hasher) -> Any:
    return hasher.transform(TEXTS, threads=1)


def test_rows_are_features_of_their_texts(hasher: hr.text.Hasher, expected: Any) -> None:
    assert expected.shape == (len(TEXTS), 2**18)
    assert np.diff(expected.indptr).tolist() == [8, 0, 7, 7, 3]
    assert expected.has_canonical_format
    assert np.allclose(expected.multiply(expected).sum(axis=1).ravel(), [1, 0, 1, 1, 1])
    assert same(hasher.transform(["to BE or\nnot; to be"]), expected[0])


@pytest.mark.parametrize(
    "form",
    [
        list, tuple, iter, lambda t: np.array(t, object),
        lambda t: [text.encode() for text in t],
        lambda t: (np.str_(text) for text in t),
        lambda t: np.array([*t[:-1], "ab cd"]),
    ],
)  # fmt: skip
def test_texts_come_in_many_forms(form: Any, hasher: hr.text.Hasher, expected: Any) -> None:
    for threads in (None, 1, 3):
        assert same(hasher.transform(form(TEXTS), threads=threads), expected)


def test_arrow_columns_are_read_in_place(hasher: hr.text.Hasher, expected: Any) -> None:
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary()):
        column = pa.array([text.encode() for text in TEXTS]).cast(kind)
        assert same(hasher.transform(column), expected)
        assert same(hasher.transform(column.slice(2, 2)), expected[2:4])
        assert same(hasher.transform(pa.chunked_array([column, column])[3:7]),
                    hasher.transform((TEXTS * 2)[3:7]))  # fmt: skip
    polars = pytest.importorskip("polars")
    assert same(hasher.transform(polars.Series(TEXTS)), expected)
    with pytest.raises(hr.InvalidError, match=r"1 of the 2 texts are null"):
        hasher.transform(pa.array(["a", None]))
    with pytest.raises(hr.InvalidError, match=r"text or bytes.*int64"):
        hasher.transform(pa.array([1, 2]))


def test_many_texts_come_in_blocks_and_stay_in_order(hasher: hr.text.Hasher) -> None:
    texts = [f"word{number} näher {number % 7}" for number in range(70_000)]
    found = hasher.transform(iter(texts), threads=2)
    assert found.shape[0] == len(texts)
    for number in (0, 1, 65_535, 65_536, 69_999):
        assert same(hasher.transform([texts[number]]), found[number])


def test_no_texts_are_no_rows(hasher: hr.text.Hasher) -> None:
    found = hasher.transform([])
    assert found.shape == (0, 2**18)
    assert found.nnz == 0


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", r"an iterable of texts.*\[text\]"),
        (b"a text", r"an iterable of texts"),
        (["a", None], r"document 1 is a NoneType"),
        (["a", np.nan], r"document 1 is a float"),
        (["a", "b", "c\ud800"], r"document 2 is not Unicode.*surrogates not allowed"),
        ([b"ok", b"b\xffd"], r"document 1 is not UTF-8 at byte 1; pass decode_error"),
        (np.array([["a"]]), r"one dimension.*\(1, 1\)"),
    ],
)
def test_what_is_no_text_is_refused(texts: Any, message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.text.Hasher().transform(texts)


def test_the_error_of_bytes_has_their_place() -> None:
    many = [b"word " * 40_000] * 9 + [b"good b\xffd"]
    with pytest.raises(hr.InvalidError) as found:
        hr.text.Hasher().transform(many)
    assert (found.value.row, found.value.offset) == (9, 6)


def test_bytes_are_replaced_or_ignored_as_python_decodes_them() -> None:
    bad = [b"ab\xffcd \xe2\x82x \xed\xa0\x80y \xf0\x9f\x98", b"\xc0\x80\xf5z"]
    for errors in ("replace", "ignore"):
        hasher = hr.text.Hasher(analyzer="char", ngram_range=(1, 2), decode_error=errors)
        assert same(hasher.transform(bad), hasher.transform([t.decode("utf-8", errors)
                                                             for t in bad]))  # fmt: skip


def test_other_encodings_are_decoded_by_python() -> None:
    pa = pytest.importorskip("pyarrow")
    hasher = hr.text.Hasher(encoding="latin-1")
    texts = ["Ärger im Käfig", "über"]
    encoded = [text.encode("latin-1") for text in texts]
    expected = hr.text.Hasher().transform(texts)
    assert same(hasher.transform(encoded), expected)
    assert same(hasher.transform(pa.array(encoded)), expected)
    assert same(hasher.transform(texts), expected)
    with pytest.raises(hr.InvalidError, match=r"document 1 is not ascii at byte 2"):
        hr.text.Hasher(encoding="ascii").transform([b"ok", b"ok\xe4"])
    with pytest.raises(hr.UnsupportedError, match=r"iconv -f latin-1"):
        hasher.transform_files(["any"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_features": 0}, r"n_features must lie between 1 and 2\*\*31 - 1, not 0"),
        ({"n_features": 2**31}, r"n_features"),
        ({"ngram_range": (2, 1)}, r"\(least, most\).*2 is more than 1"),
        ({"ngram_range": (0, 1)}, r"ngram_range"),
        ({"ngram_range": 2}, r"a pair such as"),
        ({"analyzer": "sentence"}, r"analyzer is one of 'word', 'char', 'char_wb'.*sentence"),
        ({"analyzer": str.split}, r"analyzer is one of .*; a function of Python cannot run in C"),
        ({"norm": "max"}, r"norm is one of None, 'l1', 'l2', not 'max'"),
        ({"norm": "none"}, r"norm is one of None"),
        ({"norm": 3}, r"norm is one of .*, not 3"),
        ({"decode_error": "omit"}, r"decode_error is one of 'strict'"),
        ({"decode_error": None}, r"decode_error is one of"),
        ({"encoding": None}, r"the name of one, such as \"utf-8\", not None"),
        ({"encoding": "utf-99"}, r"encoding='utf-99': Python has none.*codecs"),
        ({"encoding": "hex"}, r"encoding='hex': Python has none"),
        ({"encoding": "utf\0"}, r"Python has none"),
        ({"dtype": np.int64}, r"dtype is one of float32, float64.*int64"),
        ({"dtype": "number"}, r"dtype is float64 or float32"),
        ({"lowercase": 1}, r"lowercase is True or False"),
        ({"stop_words": "german"}, r"a list of words.*german"),
        ({"stop_words": ["a", 1]}, r"str of Unicode.*1"),
        ({"stop_words": 7}, r"a list of words.*7"),
        ({"stop_words": [["a"]]}, r"str of Unicode"),
        ({"stop_words": ["a"], "analyzer": "char"}, r"stop_words are for analyzer"),
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(hr.InvalidError, match=message):
        hr.text.Hasher(**options)


def test_accents_are_stripped_elsewhere() -> None:
    with pytest.raises(hr.UnsupportedError, match=r"NFKD"):
        hr.text.Hasher(strip_accents="unicode")  # type: ignore[arg-type]


def test_a_hasher_can_be_sent_and_its_version_is_its_options() -> None:
    hasher = hr.text.Hasher(stop_words={"the", "a"}, dtype=np.float32)
    assert pickle.loads(pickle.dumps(hasher)) == hasher
    transform = hasher.file_transform()
    assert pickle.loads(pickle.dumps(transform)) == transform
    versions = {code_version(hr.text.Hasher(n).file_transform()) for n in (2**18, 2**18, 2**19)}
    assert len(versions) == 2


def test_other_threads_run_meanwhile(hasher: hr.text.Hasher) -> None:
    texts = ["many words in here " * 50_000] * 8
    steps = 0
    done = threading.Event()

    def count() -> None:
        nonlocal steps
        while not done.wait(0.001):
            steps += 1

    other = threading.Thread(target=count)
    other.start()
    try:
        hasher.transform(texts, threads=1)
    finally:
        done.set()
        other.join()
    assert steps > 5


def test_ctrl_c_ends_it(hasher: hr.text.Hasher) -> None:
    def interrupt(*_: object) -> None:
        raise InterruptedError("as Ctrl-C")

    texts = ["many words in here " * 1000] * 1000

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(InterruptedError, match="as Ctrl-C"):
            hasher.transform(itertools.chain.from_iterable(itertools.repeat(texts)))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.txt" for name in "abc"]
    paths[0].write_bytes("To be,\nor not\r\n\r\nto be\rÄrger".encode())
    paths[1].write_bytes(b"")
    paths[2].write_bytes(b"that is\n\n \n\nthe question\n")
    return paths


LINES = ["To be,", "or not", "", "to be", "Ärger", "that is", "", " ", "", "the question"]
PARAGRAPHS = ["To be,\nor not", "to be\rÄrger", "that is", "the question"]


@pytest.mark.parametrize(("split", "texts"), [("line", LINES), ("paragraph", PARAGRAPHS)])
def test_files_are_cut_into_documents(split: Any, texts: list[str], files: list[Path]) -> None:
    hasher = hr.text.Hasher(analyzer="char")
    assert same(next(hasher.transform_files(files, split=split)), hasher.transform(texts))
    whole = list(hasher.transform_files(map(str, files), split="file"))
    assert same(whole[0], hasher.transform([path.read_bytes() for path in files]))
    assert len(whole) == 1


def test_large_files_come_in_parts(tmp_path: Path, hasher: hr.text.Hasher) -> None:
    lines = [f"line {number} of many, many words and more of them" for number in range(400_000)]
    path = tmp_path / "large.txt"
    path.write_text("\n".join(lines))
    parts = list(hasher.transform_files(path))
    assert len(parts) == 3
    assert sum(part.shape[0] for part in parts) == len(lines)
    assert same(parts[-1][-1], hasher.transform(lines[-1:]))


def test_errors_of_files_name_them(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"good\nb\xffd\n")
    with pytest.raises(hr.InvalidError, match=r"bad\.txt is not UTF-8 at byte 6") as found:
        list(hr.text.Hasher().transform_files(bad))
    assert (found.value.file, found.value.offset) == (str(bad), 6)
    assert next(hr.text.Hasher(decode_error="ignore").transform_files(bad)).shape[0] == 2
    with pytest.raises(hr.NotFoundError, match=r"missing\.txt"):
        list(hr.text.Hasher().transform_files(tmp_path / "missing.txt"))
    with pytest.raises(hr.InvalidError, match=r"is a directory"):
        list(hr.text.Hasher().transform_files(tmp_path))
    methods: list[Any] = [hr.text.Hasher().transform_files, hr.text.Hasher().file_transform]
    for method in methods:
        with pytest.raises(hr.InvalidError, match=r"split is one of 'line', 'paragraph', 'file'"):
            method(*[bad] * (method.__name__ == "transform_files"), split="word")
    with pytest.raises(hr.InvalidError, match=r"the list of files is empty"):
        hr.text.Hasher().transform_files([])
    with pytest.raises(hr.InvalidError, match=r"a list of files holds paths, not 7$"):
        hr.text.Hasher().transform_files([7])  # type: ignore[list-item]
    with pytest.raises(hr.InvalidError, match=r"a glob or a list of paths, not as 7"):
        hr.text.Hasher().transform_files(7)  # type: ignore[arg-type]


def test_names_of_files_may_be_a_glob_and_must_be_utf8(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "a1.txt").write_text("one")
    (tmp_path / "a2.txt").write_text("or\nanother")
    hasher = hr.text.Hasher()
    found = next(hasher.transform_files(f"{tmp_path}/a*.txt"))
    assert same(found, hasher.transform(["one", "or", "another"]))
    with pytest.raises(hr.NotFoundError, match=r"no file matches '.*/c\*\.txt'"):
        hasher.transform_files(f"{tmp_path}/c*.txt")
    with pytest.raises(hr.InvalidError, match=r"\*\.txt'$") as raised:
        hasher.transform_files(tmp_path)
    assert raised.value.column == ""
    other = os.fsdecode(os.fsencode(tmp_path) + b"/c\xff.txt")
    Path(other).write_text("three")
    with pytest.raises(hr.UnsupportedError, match="not UTF-8; rename the file"):
        hasher.transform_files([other])


@pytest.mark.parametrize("kind", ["pyarrow", "polars", "pandas"])
def test_nulls_are_refused_with_what_can_be_done(kind: str) -> None:
    made = pytest.importorskip(kind)
    pytest.importorskip("pyarrow")
    column = {"pyarrow": "array", "polars": "Series", "pandas": "Series"}[kind]
    texts = getattr(made, column)(["a", None])
    with pytest.raises(hr.InvalidError, match=r"1 of the 2 texts are null; .*fill_null") as found:
        hr.text.Hasher().transform(texts)
    assert "fill=" not in str(found.value)
    filled = texts.fillna("") if kind == "pandas" else texts.fill_null("")
    assert hr.text.Hasher().transform(filled).shape[0] == 2


def test_files_become_shards(tmp_path: Path, files: list[Path]) -> None:
    hasher = hr.text.Hasher(2**18, ngram_range=(1, 2), dtype="float32")
    ds = hr.convert(files, tmp_path / "ds", transform=hasher.file_transform(column="words"),
                    progress=False)  # fmt: skip
    assert repr(ds.schema["words"]) == "words: csr float32[262144]"
    expected = hasher.transform(LINES)
    assert len(ds) == len(LINES)
    for number in range(len(LINES)):
        row = ds[number]["words"]
        assert np.array_equal(row.indices, expected[number].indices)
        assert np.array_equal(row.values, expected[number].data)
    again = hr.convert(files, tmp_path / "ds", transform=hasher.file_transform(column="words"),
                       progress=False)  # fmt: skip
    assert len(again) == len(ds)

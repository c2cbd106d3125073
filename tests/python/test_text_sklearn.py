"""Hashed text is that of scikit-learn's HashingVectorizer, bit for bit, whatever the text."""

from __future__ import annotations

import itertools
import random
import unicodedata
from typing import Any

import numpy as np
import pytest

import headrace as hr

text_features = pytest.importorskip("sklearn.feature_extraction.text")

SAME_UNICODE = unicodedata.unidata_version == hr.text.UNICODE_VERSION


def assert_same(texts: list[Any], **options: Any) -> Any:
    """Compares both in everything that a csr matrix has; returns it."""
    expected = text_features.HashingVectorizer(**options).transform(texts)
    found = hr.text.Hasher(**options).transform(texts)
    assert type(found) is type(expected)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    for name in ("indptr", "indices", "data"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype, name
        assert ours.tobytes() == theirs.tobytes(), (name, options)
    assert found.has_sorted_indices == expected.has_sorted_indices
    return found


# Characters by what they do: case, sigma's neighbours, white space, word or not, each plane.
SPECIAL = (
    "ΣσςİıIiſßẞÅKΩǅǈ.:'·\u00ad\u0301\u0345\u200d\u0307\u02b0 \t\n\r\v\f"  # noqa: RUF001
    "\x1c\x1f\x85\xa0\u2003\u3000_19²½ab"
)


def random_texts(seed: int, count: int) -> list[str]:
    chosen = random.Random(seed)
    ranges = [(0x20, 0x7F), (0x80, 0x250), (0x370, 0x530), (0x590, 0x1200), (0x1C80, 0x2000),
              (0x2000, 0x2E80), (0x3000, 0xD800), (0xE000, 0x10000), (0x10000, 0x20000),
              (0x1F000, 0x30000), (0x30000, 0x110000)]  # fmt: skip

    def character() -> str:
        if chosen.random() < 0.4:
            return chosen.choice(SPECIAL)
        return chr(chosen.randrange(*chosen.choice(ranges)))

    return ["".join(character() for _ in range(chosen.randrange(60))) for _ in range(count)]


def real_texts() -> list[str]:
    """Docstrings: real words, repeated ones among them."""
    modules = (random, itertools, unicodedata, np, hr)
    return [str(value.__doc__) for module in modules for value in vars(module).values()]


OPTIONS = [
    {"analyzer": "word", "ngram_range": (1, 1)},
    {"analyzer": "word", "ngram_range": (1, 2)},
    {"analyzer": "word", "ngram_range": (2, 4)},
    {"analyzer": "word", "ngram_range": (1, 1), "stop_words": ["the", "σας", "ab"]},
    {"analyzer": "char", "ngram_range": (1, 1)},
    {"analyzer": "char", "ngram_range": (1, 3)},
    {"analyzer": "char", "ngram_range": (4, 5)},
    {"analyzer": "char_wb", "ngram_range": (1, 1)},
    {"analyzer": "char_wb", "ngram_range": (2, 4)},
    {"analyzer": "char_wb", "ngram_range": (7, 9)},
]
FURTHER = [
    {},
    {"lowercase": False, "norm": None},
    {"n_features": 7, "norm": "l1"},
    {"n_features": 2**31 - 1, "alternate_sign": False},
    {"n_features": 1000, "binary": True, "dtype": np.float32},
    {"n_features": 64, "norm": "l1", "dtype": np.float32},
    {"n_features": 16, "norm": None, "binary": True},
]


@pytest.mark.skipif(not SAME_UNICODE, reason="Python has another version of Unicode")
@pytest.mark.parametrize("further", FURTHER, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_any_text_is_the_same(options: dict[str, Any], further: dict[str, Any]) -> None:
    assert_same(random_texts(len(str(options)) * 31 + len(str(further)), 150), **options, **further)


@pytest.mark.parametrize("further", FURTHER, ids=str)
def test_real_text_is_the_same(further: dict[str, Any]) -> None:
    assert_same(real_texts(), ngram_range=(1, 2), **further)


@pytest.mark.skipif(not SAME_UNICODE, reason="Python has another version of Unicode")
def test_every_character_is_the_same() -> None:
    # Between letters, so that each is seen to be part of a word or not, and what is lower case.
    everything = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(f"x{character}y " for character in everything[first : first + 256])
             for first in range(0, len(everything), 256)]  # fmt: skip
    assert_same(texts, n_features=2**31 - 1, alternate_sign=False, norm=None)
    assert_same(texts[:512:8], n_features=2**31 - 1, analyzer="char")


@pytest.mark.skipif(not SAME_UNICODE, reason="Python has another version of Unicode")
def test_sigma_is_lowered_by_what_is_around_it() -> None:
    parts = ["Σ", "Α", ".", "\u0301", " ", "1", "ʰ", "ΣΣ", ""]  # noqa: RUF001
    texts = ["".join(some) for some in itertools.product(parts, repeat=4)]
    for analyzer in ("word", "char"):
        assert_same(texts, analyzer=analyzer, norm=None)


def test_entries_that_cancel_out_are_kept() -> None:
    found = assert_same(real_texts(), n_features=32, norm=None)
    assert (found.data == 0).any()


def test_bytes_are_decoded_the_same() -> None:
    chosen = random.Random(5)
    texts = [chosen.randbytes(chosen.randrange(40)) for _ in range(300)]
    texts += [text.encode()[: chosen.randrange(60)] for text in random_texts(6, 300)]
    for errors in ("replace", "ignore"):
        for analyzer in ("word", "char"):
            assert_same(texts, decode_error=errors, analyzer=analyzer)
    assert_same([b"\xe4b \xfc"] * 2, encoding="latin-1", analyzer="char")


def test_the_english_stop_words_are_the_same() -> None:
    assert_same(real_texts(), stop_words="english")


# What follows is what scikit-learn's own tests ask of HashingVectorizer, in other words. Its
# constructor has the same parameters, so that the adapter is the class itself.

JUNK_FOOD = (
    "the pizza pizza beer copyright", "the pizza burger beer copyright",
    "the the pizza beer beer copyright", "the burger beer beer copyright",
    "the coke burger coke copyright", "the coke burger burger",
)  # fmt: skip
OTHER_FOOD = (
    "the salad celeri copyright", "the salad salad sparkling water copyright",
    "the the celeri celeri copyright", "the tomato tomato salad water",
    "the tomato salad water copyright",
)  # fmt: skip
FOOD = JUNK_FOOD + OTHER_FOOD


def test_rows_are_normalised_and_within_their_bounds() -> None:
    found = hr.text.Hasher().transform(FOOD)
    tokens = found.nnz
    assert found.shape == (len(FOOD), 2**20)
    assert found.dtype == np.float64
    assert -1 < np.min(found.data) < 0 < np.max(found.data) < 1
    assert np.allclose([np.linalg.norm(row.data, 2) for row in found], 1)
    pairs = hr.text.Hasher(ngram_range=(1, 2), norm="l1").transform(FOOD)
    assert pairs.shape == found.shape
    assert tokens < pairs.nnz < 2 * tokens
    assert np.min(pairs.data) > -1
    assert np.max(pairs.data) < 1
    assert np.allclose([np.linalg.norm(row.data, 1) for row in pairs], 1)


def test_binary_counts_are_ones() -> None:
    counted = hr.text.Hasher(alternate_sign=False, analyzer="char", norm=None).transform(["aaabc"])
    assert (counted.max(), counted.sum()) == (3, 5)
    for dtype in (np.float64, np.float32):
        ones = hr.text.Hasher(
            alternate_sign=False, analyzer="char", norm=None, binary=True, dtype=dtype
        ).transform(["aaabc"])
        assert (ones.max(), ones.sum(), ones.dtype) == (1, 3, dtype)


def test_a_text_in_another_script_has_a_feature_for_each_word() -> None:
    text = (
        "Машинное обучение — обширный подраздел искусственного интеллекта, изучающий методы "
        "построения алгоритмов, способных обучаться."
    )
    counted = hr.text.Hasher(norm=None, alternate_sign=False).transform([text])
    assert counted.sum() == 12
    assert same_as_encoded(text)


def same_as_encoded(text: str) -> bool:
    found = hr.text.Hasher().transform([text, text.encode()])
    return bool((found[0] != found[1]).nnz == 0)


def test_it_learns_to_tell_documents_apart_in_a_pipeline() -> None:
    pipeline = pytest.importorskip("sklearn.pipeline")
    svm = pytest.importorskip("sklearn.svm")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    steps = pipeline.make_pipeline(
        preprocessing.FunctionTransformer(hr.text.Hasher().transform), svm.LinearSVC()
    )
    labels = [-1] * len(JUNK_FOOD) + [1] * len(OTHER_FOOD)
    assert steps.fit(FOOD, labels).predict(FOOD).tolist() == labels


def test_nan_and_single_strings_are_errors() -> None:
    with pytest.raises(ValueError, match="float"):
        hr.text.Hasher().transform(["c a t", np.nan])
    with pytest.raises(ValueError, match="iterable"):
        hr.text.Hasher().transform("hello world!")
    with pytest.raises(ValueError, match="ngram_range"):
        hr.text.Hasher(ngram_range=(3, 2))

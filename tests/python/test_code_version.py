"""Digests of code: what changes them, and what does not."""

from __future__ import annotations

import collections
import dataclasses
import functools
import io
import random
import re
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace as hr
from headrace.conversion.code_version import code_version, digest

RunScript = Callable[..., Any]


def define(source: str, name: str = "fn", *, module: str = "mine") -> Any:
    """Returns what `source` defines as `name`, as a module would."""
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile(source, "file.py", "exec"), namespace)
    return namespace[name]


BASE = "K = 1\ndef help(x): return x + 1\ndef fn(x, a=2, *, b=3):\n  return [help(y) for y in x]\n"


@pytest.mark.parametrize(
    "change",
    [
        ("x + 1", "x + 2"),  # a function of the module that it calls
        ("a=2", "a=5"),
        ("b=3", "b=5"),
        ("for y in x", "for y in x if y"),
        ("help(y)", "help(y) + K"),
        ("[help(y) for y in x]", "(lambda: [help(y) for y in x])()"),
    ],
)
def test_a_change_of_the_code_changes_the_version(change: tuple[str, str]) -> None:
    assert code_version(define(BASE)) != code_version(define(BASE.replace(*change)))


def test_a_change_of_a_constant_of_the_module_changes_the_version() -> None:
    one, two = (define(f"K = {k}\ndef fn(x): return K * x") for k in (1, 2))
    assert code_version(one) != code_version(two)


IMPORTS = "import enum, functools, pathlib\nimport numpy as np\n"
MULTIPLY = "def multiply(x, by): return by * x\n"


@pytest.mark.parametrize(
    "source",
    [
        "K = np.array([#])\ndef fn(x): return x - K",
        "K = np.float32(#)\ndef fn(x): return x - K",
        "K = {'a': [#]}\ndef fn(x): return K[x]",
        "K = {#}\ndef fn(x): return x in K",
        "K = pathlib.Path('#')\ndef fn(x): return K / x",
        "class K(enum.Enum):\n  A = #\ndef fn(x): return K.A.value * x",
        "class S:\n  def __init__(self, k): self.k = k\nK = S(#)\ndef fn(x): return K.k * x",
        MULTIPLY + "K = functools.partial(multiply, by=#)\ndef fn(x): return K(x)",
        "@functools.cache\ndef help(x): return # * x\ndef fn(x): return help(x)",
        "def fn(x): return fn.k * x\nfn.k = #",
        "class F:\n  K = [#]\n  def __call__(self, x): return self.K\nfn = F()",
        "class F:\n  @functools.cached_property\n  def k(self): return #\n"
        "  def __call__(self, x): return self.k\nfn = F()",
        "class F:\n  @functools.cache\n  def k(self): return #\n"
        "  def __call__(self, x): return self.k()\nfn = F()",
        "class F:\n  class G:\n    def k(self): return #\n"
        "  def __call__(self, x): return self.G().k()\nfn = F()",
        MULTIPLY + "class F:\n  def __init__(self, f, k):\n    functools.update_wrapper(self, f)\n"
        "    self.k = k\n  def __call__(self, x): return self.k\nfn = F(multiply, #)",
    ],
)
def test_a_change_of_what_a_module_or_a_class_holds_changes_the_version(source: str) -> None:
    one, again, two = (define(IMPORTS + source.replace("#", k)) for k in "112")
    assert code_version(one) == code_version(again) != code_version(two)


def test_parameters_count() -> None:
    sources = ["def fn(x, a): return a", "def fn(x, *a): return a", "def fn(x, *, a): return a"]
    assert len({code_version(define(source)) for source in sources}) == len(sources)


def test_a_global_whose_content_cannot_be_seen_counts_by_name_and_hides_nothing() -> None:
    source = "import threading\nK = [1, threading.Lock()]\ndef fn(x, k=#): return K"
    one, two = (define(source.replace("#", "1")) for _ in range(2))
    assert code_version(one) == code_version(two)
    with pytest.raises(hr.UnsupportedError, match="lock"):
        code_version(define(source.replace("#", "K")))
    with pytest.raises(hr.UnsupportedError, match="lock"):
        code_version(functools.partial(one, one.__globals__["K"]))


def test_what_a_function_closes_over_is_seen_or_an_error() -> None:
    def define(held: Any) -> Callable[[], Any]:
        return lambda: held

    assert code_version(define(1)) != code_version(define(2))
    with pytest.raises(hr.UnsupportedError, match="lock"):
        code_version(define(threading.Lock()))


def test_equal_tuples_have_equal_digests_whether_they_are_one_object_or_two() -> None:
    pair = (1, 2)
    assert digest([pair, pair]) == digest([pair, pair[:1] + pair[1:]])


@pytest.mark.parametrize("change", ["\n\n\n" + BASE, "import os\n" + BASE, BASE + "other = 3\n"])
def test_what_does_not_matter_changes_nothing(change: str) -> None:
    assert code_version(define(BASE)) == code_version(define(change))


def test_functions_of_other_packages_count_by_name() -> None:
    one, two = define("def load(x): return 1", "load"), define("def load(x): return 2", "load")
    for fn in (one, two):
        fn.__module__ = "library"
    users = [define("def fn(x): return load(x)") for _ in range(2)]
    users[0].__globals__["load"], users[1].__globals__["load"] = one, two
    assert code_version(users[0]) == code_version(users[1])


def test_closures_partials_and_methods_count_by_what_they_hold() -> None:
    def scaled(by: Any) -> Callable[[Any], Any]:
        return lambda x: by * x

    class Scale:
        def __init__(self, by: Any) -> None:
            self.by = by

        def __call__(self, x: Any) -> Any:
            return self.by * x

        def method(self, x: Any) -> Any:
            return self.by * x

    def multiply(x: Any, by: Any) -> Any:
        return by * x

    makers: list[Callable[[Any], Any]] = [
        scaled,
        Scale,
        lambda by: Scale(by).method,
        lambda by: functools.partial(multiply, by=by),
    ]
    values = [2, 2.0, "2", np.arange(2), np.arange(3), torch.ones(2), {"a": 1}, {"a": 2}, (2,), [2]]
    for make in makers:
        assert len({code_version(make(value)) for value in values}) == len(values)
        assert all(code_version(make(v)) == code_version(make(v)) for v in values)


@dataclasses.dataclass
class Record:
    name: str
    values: Any = None


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: int) -> None:
        self.a = a


VALUES: list[Callable[[], Any]] = [
    lambda: Record("a", np.zeros(3)),
    lambda: Record("b"),
    lambda: Slotted(1),
    lambda: Slotted(2),
    lambda: {"a": [1, 2], "b": {3, 4, 5}},
    lambda: collections.OrderedDict(a=1),
    lambda: Path("/a/b"),
    lambda: "/a/b",
    lambda: b"/a/b",
    lambda: re.compile("a+"),
    lambda: (1, None, True, 1.5, range(3)),
    lambda: frozenset({"x", "y", "z"}),
    lambda: torch.zeros(3, dtype=torch.bfloat16),
    lambda: np.array(["a", None], dtype=object),
    lambda: torch.nn.Sequential(torch.nn.ReLU()),
    lambda: torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Flatten()),
]


def test_equal_values_have_equal_digests_and_others_do_not() -> None:
    digests = [digest(make()) for make in VALUES]
    assert digests == [digest(make()) for make in VALUES]
    assert len(set(digests)) == len(digests)


def test_an_object_that_holds_itself_has_a_digest() -> None:
    def make(value: int) -> list[Any]:
        out: list[Any] = [value]
        out.append(out)
        return out

    assert digest(make(1)) == digest(make(1)) != digest(make(2))


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        io.StringIO("a"),
        iter([1]),
        random.Random(1),
        types.SimpleNamespace(f=io.BytesIO()),
    ],
)
def test_what_cannot_be_seen_is_an_error(value: Any) -> None:
    with pytest.raises(hr.UnsupportedError, match="cannot be seen"):
        code_version(functools.partial(print, value))


def test_versions_are_equal_in_every_process(run_script: RunScript) -> None:
    script = (
        "from headrace.conversion.code_version import code_version\n"
        "def fn(x, names={'a', 'b', 'c'}):\n"
        "    return x in {'u', 'v', 'w'} or x in names\n"
        "print(code_version(fn))\n"
    )
    seen = {run_script(script, PYTHONHASHSEED=str(seed)).stdout for seed in range(3)}
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 16

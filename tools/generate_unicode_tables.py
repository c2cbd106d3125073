"""Writes src/transform/unicode_tables.cc from what this Python knows of characters, or checks it.

    python tools/generate_unicode_tables.py [--check]

Words, white space and lower case in hashed text are exactly those of Python's `re` and `str`, which
no library has. So they are asked of Python itself, character by character. The file names the
version of Unicode; another version of Python may have another one, and then a check says so.
"""

from __future__ import annotations

import difflib
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "src" / "transform" / "unicode_tables.cc"

_SURROGATES = range(0xD800, 0xE000)
_DOTTED_I = 0x130  # the one character whose lower case is two
_FINAL_SIGMA = "\u03c2"

_PAGE = """\
// Written by tools/generate_unicode_tables.py from Python's own tables; not edited by hand.

#include "transform/unicode_tables.h"

namespace headrace::unicode_tables {{
namespace {{

// clang-format off

constexpr char32_t kWord[] = {{
{word}
}};

constexpr char32_t kSpace[] = {{
{space}
}};

constexpr char32_t kCased[] = {{
{cased}
}};

constexpr char32_t kIgnorable[] = {{
{ignorable}
}};

constexpr LowerRun kLower[] = {{
{lower}
}};

// clang-format on

}}  // namespace

const char* version() noexcept {{ return "{version}"; }}
std::span<const char32_t> word() noexcept {{ return kWord; }}
std::span<const char32_t> space() noexcept {{ return kSpace; }}
std::span<const char32_t> cased() noexcept {{ return kCased; }}
std::span<const char32_t> ignorable() noexcept {{ return kIgnorable; }}
std::span<const LowerRun> lower() noexcept {{ return kLower; }}

}}  // namespace headrace::unicode_tables
"""


class Run(NamedTuple):
    """Characters first, first + step, ..., last, whose lower case is `delta` further on."""

    first: int
    last: int
    step: int
    delta: int


def main(argv: list[str]) -> int:
    """Writes or checks the tables; returns the exit status."""
    if argv[1:] != ["--check"]:
        TABLES.write_text(generate())
        return 0
    committed = TABLES.read_text()
    if f'"{unicodedata.unidata_version}"' not in committed:
        print(f"generate_unicode_tables: not checked, Python has {unicodedata.unidata_version}")
        return 0
    generated = generate()
    difference = difflib.unified_diff(
        committed.splitlines(), generated.splitlines(), "as committed", "as Python has it", n=0
    )
    for line in difference:
        print(line)
    print(f"generate_unicode_tables: {'as' if committed == generated else 'not as'} Python has it")
    return int(committed != generated)


def generate() -> str:
    """The text of the file."""
    return _PAGE.format(
        version=unicodedata.unidata_version,
        word=_wrapped(_changes(lambda c: c.isalnum() or c == "_")),
        space=_wrapped(_changes(str.isspace)),
        cased=_wrapped(_changes(_is_cased)),
        ignorable=_wrapped(_changes(_is_ignorable)),
        lower=_wrapped(f"{{0x{a:X},_0x{b:X},_{by},_{to}}}" for a, b, by, to in _runs()),
    )


def _is_cased(character: str) -> bool:
    """Whether a sigma behind it is final: it is cased, and not passed over."""
    return (character + "\u03a3").lower().endswith(_FINAL_SIGMA)


def _is_ignorable(character: str) -> bool:
    """Whether a sigma behind it looks at what comes before it."""
    behind_letter = ("A" + character + "\u03a3").lower().endswith(_FINAL_SIGMA)
    return behind_letter and not _is_cased(character)


def _changes(has: Callable[[str], bool]) -> list[str]:
    """Where the property begins, where it ends, where it begins again, and so on."""
    changes: list[int] = []
    now = False
    for code in range(sys.maxunicode + 1):
        if has(chr(code)) != now:
            now = not now
            changes.append(code)
    if now:
        changes.append(sys.maxunicode + 1)
    return [f"0x{code:X}" for code in changes]


def _runs() -> list[Run]:
    """The characters that have a lower case of one character, in order."""
    runs: list[Run] = []
    for code in range(sys.maxunicode + 1):
        lower = chr(code).lower()
        if code == _DOTTED_I:
            assert lower == "i\u0307"
            continue
        assert len(lower) == 1, f"U+{code:04X}"
        delta = ord(lower) - code
        if delta == 0:
            continue
        assert code not in _SURROGATES
        last = runs[-1] if runs else None
        if last is not None and last.delta == delta and _continues(last, code):
            runs[-1] = last._replace(last=code, step=code - last.last)
        else:
            runs.append(Run(code, code, 1, delta))
    return runs


def _continues(run: Run, code: int) -> bool:
    step = code - run.last
    return step in (1, 2) and (run.first == run.last or step == run.step)


def _wrapped(items: Iterable[str]) -> str:
    """Lines of items, each of which stays on one line: its spaces are underscores."""
    text = textwrap.fill(", ".join(items) + ",", 96, break_on_hyphens=False)
    return textwrap.indent(text.replace("_", " "), "    ")


if __name__ == "__main__":
    sys.exit(main(sys.argv))

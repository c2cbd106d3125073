"""Real text that every machine has: found, cut into fragments, labelled by kind of file.

1. Every kind names the folders that it looks in and the files that it accepts there.
2. The files of a kind are taken in an order fixed by a hash of their paths, until its share of rows
   is reached: a sample over all packages, the same on every run.
3. A file is text (no NUL byte), is read once even if it lies on the disk twice, and falls as a
   whole into training or test, by a hash of its content: no fragment of a test file is trained on.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import sysconfig
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FRAGMENT_BYTES = 1024
# The last fragment of a file counts when it is at least half full.
SHORTEST_FRAGMENT = FRAGMENT_BYTES // 2
# One huge file (a change log, a generated table) must not become a class of its own.
LARGEST_READ = 128 * FRAGMENT_BYTES
TEST_SHARE = 0.2
FEWEST_KINDS = 3
FEWEST_FILES = 20
FEWEST_ROWS = 2000

INSTALL_HINT = (
    "install them with: apt-get install python3-dev libc6-dev g++ man-db "
    "(an image without documentation also needs its /etc/dpkg/dpkg.cfg.d excludes removed)"
)


class CorpusError(Exception):
    """The machine has too little text, or what was written of it cannot be trained on."""


@dataclass(frozen=True)
class Kind:
    """A class to predict: where its files lie and which of them belong to it."""

    name: str
    roots: tuple[Path, ...]
    accepts: Callable[[Path], bool]


@dataclass(frozen=True)
class SourceFile:
    """One text file, read whole: where it was, its label, its side of the split."""

    path: Path
    label: int
    digest: bytes
    text: bytes

    @property
    def is_test(self) -> bool:
        """Whether all of the file's fragments are test rows."""
        return int.from_bytes(self.digest[:8], "little") < TEST_SHARE * 2**64

    @property
    def fragments(self) -> list[bytes]:
        """Those of the text."""
        return fragments_of(self.text)


def fragments_of(text: bytes) -> list[bytes]:
    """Returns consecutive pieces of FRAGMENT_BYTES; a short tail is dropped."""
    pieces = range(0, len(text), FRAGMENT_BYTES)
    cut = [text[first : first + FRAGMENT_BYTES] for first in pieces]
    return [fragment for fragment in cut if len(fragment) >= SHORTEST_FRAGMENT]


def _is_python(path: Path) -> bool:
    return path.suffix == ".py"


def _is_c_header(path: Path) -> bool:
    return path.suffix == ".h" and "c++" not in path.parts


def _is_cpp_header(path: Path) -> bool:
    return "c++" in path.parts and path.suffix in {"", ".h", ".hpp", ".tcc"}


def _is_manual_page(path: Path) -> bool:
    # man/man3/..., not man/de/man3/...: translations are another subject.
    return path.parent.parent.name == "man" and path.parent.name.startswith("man")


def _is_document(path: Path) -> bool:
    name = path.with_suffix("") if path.suffix == ".gz" else path
    return name.suffix in {"", ".txt", ".md", ".rst", ".Debian"}


def kinds() -> tuple[Kind, ...]:
    """Returns the kinds of file to look for, in the order of their labels."""
    include = Path("/usr/include")
    return (
        Kind("Python source", (Path(sysconfig.get_path("stdlib")),), _is_python),
        Kind("C header", (include, Path(sysconfig.get_path("include"))), _is_c_header),
        Kind("C++ header", (include,), _is_cpp_header),
        Kind("manual page", (Path("/usr/share/man"),), _is_manual_page),
        Kind(
            "documentation",
            (Path("/usr/share/doc"), Path("/usr/share/common-licenses")),
            _is_document,
        ),
    )


def _candidates(kind: Kind) -> list[Path]:
    found: dict[Path, None] = {}
    for root in kind.roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not name.endswith("-packages")]
            paths = (Path(folder, name) for name in names)
            found.update((path, None) for path in paths if kind.accepts(path))
    return sorted(found, key=lambda path: hashlib.blake2b(os.fsencode(path)).digest())


def read_text(path: Path) -> bytes | None:
    """Returns the first LARGEST_READ bytes of a text file, or None for what is not one."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        # Bounded before it is expanded: a small .gz may hold any amount.
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            text: bytes = file.read(LARGEST_READ)
    except (OSError, EOFError, zlib.error):
        return None
    return None if b"\0" in text or len(text) < SHORTEST_FRAGMENT else text


def _read_kind(kind: Kind, label: int, rows: int, seen: set[bytes]) -> Iterator[SourceFile]:
    taken = 0
    for path in _candidates(kind):
        if taken >= rows:
            return
        text = read_text(path)
        if text is None:
            continue
        digest = hashlib.blake2b(text, digest_size=16).digest()
        if digest in seen:
            continue
        seen.add(digest)
        source = SourceFile(path, label, digest, text)
        taken += len(source.fragments)
        yield source


@dataclass(frozen=True)
class Corpus:
    """The files of every kind that was found, mixed, and what was not found."""

    kind_names: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    missing: tuple[str, ...]


def gather(rows: int, available: tuple[Kind, ...] | None = None) -> Corpus:
    """Reads text for about `rows` fragments, an equal share of each kind.

    Args:
        rows: How many fragments are wanted; fewer come when the machine has less text.
        available: The kinds to look for; by default those of `kinds()`.

    Returns:
        The corpus; labels are indices into its `kind_names`.

    Raises:
        CorpusError: Fewer than FEWEST_KINDS kinds have FEWEST_FILES files each, or there are fewer
            than FEWEST_ROWS fragments.
    """
    available = kinds() if available is None else available
    share = -(-rows // len(available))
    seen: set[bytes] = set()
    names: list[str] = []
    missing: list[str] = []
    sources: list[SourceFile] = []
    for kind in available:
        files = list(_read_kind(kind, len(names), share, seen))
        if len(files) < min(FEWEST_FILES, share):
            folders = " or ".join(str(root) for root in kind.roots)
            missing.append(f"{kind.name} ({len(files)} files in {folders})")
            continue
        names.append(kind.name)
        sources.extend(files)
    if len(names) < FEWEST_KINDS:
        raise CorpusError(
            f"the demo needs {FEWEST_KINDS} kinds of text and found {len(names)}; "
            f"too few files of: {'; '.join(missing)}; {INSTALL_HINT}"
        )
    found = sum(len(source.fragments) for source in sources)
    if found < FEWEST_ROWS:
        raise CorpusError(
            f"the demo needs {FEWEST_ROWS} fragments of text and found {found}; {INSTALL_HINT}"
        )
    # Digest order mixes the kinds, so that every shard holds some of each.
    sources.sort(key=lambda source: source.digest)
    return Corpus(tuple(names), tuple(sources), tuple(missing))

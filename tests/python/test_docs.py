"""The code on the pages for users runs as it stands there, and their links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

RunScript = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def program(page: str, *, side: str) -> str:
    """Returns the page with everything but its code made blank, so that line numbers stay.

    Of a diff the lines of one side count, "-" or "+".
    """
    fence: str | None = None
    lines = []
    for line in page.splitlines():
        code = ""
        if line.startswith("```"):
            fence = line[3:] if fence is None else None
        elif fence == "python":
            code = line
        elif fence == "diff" and line[:1] in (" ", side):
            code = line[1:]
        lines.append(code)
    return "\n".join(lines) + "\n"


def test_only_code_counts_and_lines_keep_their_numbers() -> None:
    page = "text\n```python\na = 1\n```\n```diff\n-b = 2\n+b = 3\n c = b\n```\n```sh\nls\n```\n"
    before = program(page, side="-").splitlines()
    assert [(number, line) for number, line in enumerate(before, 1) if line] == [
        (3, "a = 1"),
        (6, "b = 2"),
        (8, "c = b"),
    ]
    assert "b = 3" in program(page, side="+")


def run_page(name: str, run_script: RunScript, *, blocks: int, side: str = "+", **env: str) -> str:
    """Runs the code of a page, which has so many blocks; returns what it prints."""
    page = (DOCS / f"{name}.md").read_text()
    assert page.count("```python") == blocks
    done = run_script(program(page, side=side), as_file=True, timeout=120, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


# Of each page the blocks of code, what they need, and a pattern of what they print.
CODE: dict[str, tuple[int, list[str], str]] = {
    "continuous": (6, [], r"^True\n2 5000\n20000 7\n$"),
    "converting": (
        9,
        ["torch", "pyarrow"],
        r"(?s)^dry run of 10 inputs: 10 rows.*\nitem 1 \('two'\) transform",
    ),
    "files": (4, ["torch"], r"it had 176 bytes and has 180"),
    "from_shards": (2, [], r"^True\n100000 77\n\['3', '5'\] 8\n$"),
    "interop": (2, ["pyarrow"], r"^fixed_size_list<item: float not null>\[64\] 1000\n$"),
    "numeric": (4, [], r"^$"),
    "object_stores": (1, ["obstore"], r" 145\.0\n$"),
    "opening": (3, ["pyarrow"], r"\n\['cat', 'dog', 'eel'\] \[1 0 1 2\]\n"),
    "shards": (11, ["pyarrow"], r"\n10000 11000\n"),
    "sparse": (6, ["torch", "scipy.sparse"], r"^$"),
    "svmlight": (3, ["scipy.sparse"], r"^$"),
    "text": (6, ["scipy.sparse", "pyarrow", "sklearn"], r"^$"),
}


@pytest.mark.parametrize("name", CODE)
def test_the_code_of_a_page_runs(name: str, run_script: RunScript) -> None:
    blocks, needs, printed = CODE[name]
    for module in needs:
        pytest.importorskip(module)
    found = run_page(name, run_script, blocks=blocks)
    assert re.search(printed, found), found


@pytest.mark.parametrize("side", ["-", "+"])
def test_the_page_for_users_of_dataloader_runs(side: str, run_script: RunScript) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("dask.array")
    run_page("from_dataloader", run_script, blocks=28, side=side)


def native_example(number: int = 0) -> str:
    """Returns one of the transforms in C++ that docs/native.md shows."""
    page = (DOCS / "native.md").read_text()
    return str(re.findall(r"```cpp\n(.*?)```", page, flags=re.DOTALL)[number])


def test_what_the_readme_shows_runs(
    run_script: RunScript, tmp_path: Path, native_cache: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("scipy.sparse")
    (tmp_path / "features.cpp").write_text(native_example())
    readme = (ROOT / "README.md").read_text()
    before, title, page = readme.partition("## What you get")
    assert title
    assert page.count("```python") > 4
    code = "\n" * before.count("\n") + program(page, side="+")
    done = run_script(code, as_file=True, timeout=120, XDG_CACHE_HOME=str(native_cache))
    assert done.returncode == 0, done.stderr


PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_within_the_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith(("http:", "https:", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        page = path if not file else path.parent / file
        assert page.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target


def test_the_page_on_native_code_runs(
    run_script: RunScript, tmp_path: Path, native_cache: Path
) -> None:
    pytest.importorskip("scipy.sparse")
    (tmp_path / "features.cpp").write_text(native_example())
    (tmp_path / "lines.cpp").write_text(native_example(1))
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"the text\nof {name}\n")
    printed = run_page("native", run_script, blocks=5, XDG_CACHE_HOME=str(native_cache))
    assert "[[14.  2.]]" in printed
    assert "[4.0, 5.0, 6.0, 7.0]" in printed

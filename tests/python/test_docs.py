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


@pytest.mark.parametrize("side", ["-", "+"])
def test_the_page_for_users_of_dataloader_runs(side: str, run_script: RunScript) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("dask.array")
    page = (DOCS / "from_dataloader.md").read_text()
    assert page.count("```python") > 20
    done = run_script(program(page, side=side), timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_page_on_converting_runs(run_script: RunScript) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("pyarrow")
    page = (DOCS / "converting.md").read_text()
    assert page.count("```python") >= 8
    done = run_script(program(page, side="+"), as_file=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_page_on_sparse_data_runs(run_script: RunScript) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("scipy.sparse")
    page = (DOCS / "sparse.md").read_text()
    assert page.count("```python") > 5
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_guide_to_shards_runs(run_script: RunScript) -> None:
    pytest.importorskip("pyarrow")
    page = (DOCS / "shards.md").read_text()
    assert page.count("```python") > 7
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr
    assert "11000" in done.stdout


def test_the_page_on_continuous_training_runs(run_script: RunScript) -> None:
    page = (DOCS / "continuous.md").read_text()
    assert page.count("```python") == 6
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "True\n2 5000\n20000 7\n"


def test_the_page_on_loaded_shards_runs(run_script: RunScript) -> None:
    page = (DOCS / "from_shards.md").read_text()
    assert page.count("```python") == 2
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "100000 77\nTrue\n['3', '5'] 8\n"


def test_the_page_on_object_stores_runs(run_script: RunScript) -> None:
    pytest.importorskip("obstore")
    page = (DOCS / "object_stores.md").read_text()
    assert page.count("```python") == 1
    done = run_script(program(page, side="+"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" 145.0\n")


def test_the_page_on_text_runs(run_script: RunScript) -> None:
    pytest.importorskip("scipy.sparse")
    pytest.importorskip("pyarrow")
    pytest.importorskip("sklearn")
    page = (DOCS / "text.md").read_text()
    assert page.count("```python") == 6
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr


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


def test_the_page_about_whole_files_runs(run_script: RunScript) -> None:
    pytest.importorskip("torch")
    page = (DOCS / "files.md").read_text()
    assert page.count("```python") == 4
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr
    assert "it had 176 bytes and has 180" in done.stdout


def test_the_page_about_opening_runs(run_script: RunScript) -> None:
    pytest.importorskip("pyarrow")
    page = (DOCS / "opening.md").read_text()
    assert page.count("```python") == 3
    done = run_script(program(page, side="+"), timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_page_on_native_code_runs(
    run_script: RunScript, tmp_path: Path, native_cache: Path
) -> None:
    pytest.importorskip("scipy.sparse")
    page = (DOCS / "native.md").read_text()
    assert page.count("```python") >= 4
    (tmp_path / "features.cpp").write_text(native_example())
    (tmp_path / "lines.cpp").write_text(native_example(1))
    for name in "abc":
        (tmp_path / f"{name}.txt").write_text(f"the text\nof {name}\n")
    done = run_script(
        program(page, side="+"), as_file=True, timeout=120, XDG_CACHE_HOME=str(native_cache)
    )
    assert done.returncode == 0, done.stderr
    assert "[[14.  2.]]" in done.stdout
    assert "[4.0, 5.0, 6.0, 7.0]" in done.stdout

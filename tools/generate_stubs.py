"""Writes python/headrace/_core.pyi from the built module, or checks that it is up to date.

    python tools/generate_stubs.py [--check]

The stubs are committed: they are what mypy and editors read, and their diff is the diff of the
binding's interface.
"""

from __future__ import annotations

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS = ROOT / "python" / "headrace" / "_core.pyi"


def main(argv: list[str]) -> int:
    """Writes or checks the stubs; returns the exit status."""
    generated = generate()
    if argv[1:] != ["--check"]:
        STUBS.write_text(generated)
        return 0
    committed = STUBS.read_text() if STUBS.exists() else ""
    difference = "".join(
        difflib.unified_diff(
            committed.splitlines(keepends=True),
            generated.splitlines(keepends=True),
            "python/headrace/_core.pyi as committed",
            "as the module has it now",
        )
    )
    if difference:
        print(f"{difference}\nThe bindings changed: run `make stubs` and commit the result.")
        return 1
    print("generate_stubs: _core.pyi is up to date")
    return 0


def generate() -> str:
    """The stubs of the module that this Python imports as headrace._core."""
    with tempfile.TemporaryDirectory() as folder:
        stubs = Path(folder) / "_core.pyi"
        command = [
            sys.executable,
            "-m",
            "nanobind.stubgen",
            "-m",
            "headrace._core",
            "-o",
            str(stubs),
        ]
        subprocess.run([*command, "-q"], check=True, cwd=folder)
        return stubs.read_text()


if __name__ == "__main__":
    sys.exit(main(sys.argv))

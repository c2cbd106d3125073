"""Checks that every C++ unit has its test, and that every test has its unit.

    python tools/check_tests.py [ROOT]

The unit src/<layer>/<unit>.{h,cc} is tested by tests/<layer>/<unit>_test.cc. A test that is about
more than one unit says its kind: <what>_{conformance,crash,golden}_test.cc. The bindings,
src/python, are tested from Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

KINDS = ("conformance", "crash", "golden")
TEST = re.compile(r"^(?:TYPED_TEST|TEST)(?:_[FP])?\(", re.MULTILINE)


def main(argv: list[str]) -> int:
    """Prints one line for each finding; returns the exit status."""
    root = Path(argv[1]) if len(argv) > 1 else Path(__file__).resolve().parent.parent
    units = find_units(root)
    findings = [*check_units(root, units), *check_test_files(root, units)]
    for finding in findings:
        print(finding)
    if not units:
        print(f"{root / 'src'}: no units; run this in a checkout of headrace")
        return 1
    print(f"check_tests: {len(units)} units; findings: {len(findings)}")
    return 1 if findings else 0


def find_units(root: Path) -> set[Path]:
    """The units as <layer>/<unit>, without those of the bindings."""
    source = root / "src"
    files = (path.relative_to(source) for path in source.glob("*/*"))
    return {
        path.with_suffix("")
        for path in files
        if path.suffix in {".h", ".cc"} and path.parts[0] != "python"
    }


def check_units(root: Path, units: set[Path]) -> Iterator[str]:
    """Findings about units without tests."""
    for unit in sorted(units):
        test = Path("tests") / unit.parent / f"{unit.name}_test.cc"
        if not (root / test).exists():
            yield f"src/{unit}: this unit has no test; write {test}"


def check_test_files(root: Path, units: set[Path]) -> Iterator[str]:
    """Findings about test files that test nothing or no unit."""
    for path in sorted((root / "tests").rglob("*_test.cc")):
        name = path.relative_to(root / "tests")
        tested = name.with_name(name.name.removesuffix("_test.cc"))
        if tested not in units and not tested.name.endswith(KINDS):
            yield (
                f"tests/{name}: there is no unit src/{tested}; move it beside its unit or name "
                f"its kind, <what>_{{{','.join(KINDS)}}}_test.cc"
            )
        if TEST.search(path.read_text()) is None:
            yield f"tests/{name}: it holds no test"


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""tools/check_tests.py, on small trees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "check_tests.py"
TEST = "TEST(Hash, IsStable) {}\n"


def check(root: Path, files: dict[str, str]) -> tuple[int, str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    command = [sys.executable, str(TOOL), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_units_with_tests_pass(tmp_path: Path) -> None:
    files = {
        "src/base/hash.h": "",
        "src/base/hash.cc": "",
        "src/base/checked.h": "",
        "src/python/module.cc": "",
        "tests/base/hash_test.cc": TEST,
        "tests/base/checked_test.cc": "TEST_P(Checked, Adds) {}\n",
        "tests/base/buffer_conformance_test.cc": "TYPED_TEST(Buffer, Lives) {}\n",
    }
    assert check(tmp_path, files) == (0, "check_tests: 2 units; findings: 0\n")


@pytest.mark.parametrize("name", ["src/base/buffer.h", "src/base/buffer.cc"])
def test_a_unit_without_a_test_is_named(tmp_path: Path, name: str) -> None:
    files = {"src/base/hash.h": "", "tests/base/hash_test.cc": TEST, name: ""}
    status, output = check(tmp_path, files)
    assert status == 1
    assert output.splitlines() == [
        "src/base/buffer: this unit has no test; write tests/base/buffer_test.cc",
        "check_tests: 2 units; findings: 1",
    ]


def test_a_test_in_the_folder_of_another_layer_does_not_count(tmp_path: Path) -> None:
    status, output = check(tmp_path, {"src/base/hash.h": "", "tests/order/hash_test.cc": TEST})
    assert status == 1
    assert "write tests/base/hash_test.cc" in output
    assert "tests/order/hash_test.cc: there is no unit src/order/hash" in output


def test_a_test_file_without_a_test_is_named(tmp_path: Path) -> None:
    files = {"src/base/hash.h": "", "tests/base/hash_test.cc": "// TEST(Hash, Later)\n"}
    status, output = check(tmp_path, files)
    assert status == 1
    assert output.startswith("tests/base/hash_test.cc: it holds no test\n")


def test_a_tree_without_units_fails(tmp_path: Path) -> None:
    status, output = check(tmp_path, {"src/README": ""})
    assert status == 1
    assert "no units" in output

"""The tables of characters are those of this Python, where it has their version of Unicode."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "generate_unicode_tables.py"
VERSION = "14.0.0"  # Python 3.11's


@pytest.mark.skipif(unicodedata.unidata_version != VERSION, reason="Python has other characters")
def test_tables_are_those_of_python() -> None:
    command = [sys.executable, str(SCRIPT), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout == "generate_unicode_tables: as Python has it\n"

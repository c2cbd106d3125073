"""Makes a virtual environment that sees the packages of this one but can hold its own headrace.

    .venv/bin/python tools/make_overlay_venv.py FOLDER

The packages come through a path file, not through a second install. Path files of the outer
environment do not count inside, so its editable headrace stays out of the way.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path


def main(argv: list[str]) -> int:
    """Makes the environment argv[1] anew; returns the exit status."""
    folder = Path(argv[1])
    venv.create(folder, clear=True, symlinks=True, with_pip=False)
    outer = sysconfig.get_path("purelib")
    inner = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    (Path(inner) / "outer.pth").write_text(f"{outer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

"""Installs PyTorch as tools/requirements/torch.txt pins it, and only its CPU build.

On its own and before everything else, so that no other requirement can pull in another build.
A CUDA build brings gigabytes of packages named nvidia-* that headrace has no use for; where pip
would take that one, this stops before the download and says what to do.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent / "requirements" / "torch.txt"
PIP = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]


def main() -> int:
    """Installs and checks; returns the exit status."""
    any_build = os.environ.get("HEADRACE_TORCH") == "any"
    planned = [] if any_build else nvidia_packages(planned_packages())
    if planned:
        print(refusal(planned), file=sys.stderr)
        return 1
    subprocess.run([*PIP, "-qq", "-r", str(REQUIREMENTS)], check=True)
    found = [] if any_build else nvidia_packages(installed_packages())
    if found:
        print(refusal(found), file=sys.stderr)
        return 1
    return 0


def planned_packages() -> list[str]:
    """The packages that pip would install; none where this pip cannot tell."""
    command = [*PIP, "-qq", "--dry-run", "--report", "-", "-r", str(REQUIREMENTS)]
    planned = subprocess.run(command, capture_output=True, text=True, check=False)
    if planned.returncode != 0:
        return []
    report = json.loads(planned.stdout)
    return [entry["metadata"]["name"] for entry in report["install"]]


def installed_packages() -> list[str]:
    """The packages of this environment."""
    return [distribution.metadata["Name"] for distribution in importlib.metadata.distributions()]


def nvidia_packages(names: list[str]) -> list[str]:
    """Those of `names` that belong to a CUDA build."""
    return sorted(name for name in names if name.lower().startswith("nvidia-"))


def refusal(packages: list[str]) -> str:
    """The message for a pip that would take, or took, the CUDA build with `packages`."""
    pin = REQUIREMENTS.read_text().strip()
    return (
        f"{pin} as pip finds it here is a CUDA build with {len(packages)} packages of nvidia "
        f"({packages[0]}, ...). headrace needs the CPU build: point pip to PyTorch's index of CPU "
        "builds, which its installation page names (PIP_EXTRA_INDEX_URL=... make ...), or accept "
        "this build and its gigabytes with HEADRACE_TORCH=any make ..."
    )


if __name__ == "__main__":
    sys.exit(main())

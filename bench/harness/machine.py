"""What a reader needs to know about the machine and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import torch

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_PACKAGES = ("headrace", "torch", "numpy", "scipy", "dask")


def _field(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "?")


def _huge_pages() -> str:
    try:
        text = _HUGE_PAGES.read_text()
    except OSError:
        return "unknown"
    return text[text.index("[") + 1 : text.index("]")]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"


def _revision() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    folder = Path(__file__).parent
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return answer.stdout.strip() or "no revision"


def facts() -> dict[str, str]:
    """Returns machine, system, versions and load, in the order in which they are printed."""
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    virtual = " (virtual)" if "hypervisor" in _field("/proc/cpuinfo", "flags").split() else ""
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    return {
        "machine": (
            f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores{virtual}, "
            f"{memory_gib:.0f} GiB; last-level cache {_last_level_cache()}"
        ),
        "system": (
            f"Linux {platform.release()}, transparent huge pages: {_huge_pages()}; "
            f"load average at the start {os.getloadavg()[0]:.2f}"
        ),
        "versions": (
            f"revision {_revision()}; Python {platform.python_version()}, {versions}; "
            f"torch uses {torch.get_num_threads()} threads"
        ),
    }


def _last_level_cache() -> str:
    folders = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"))
    return (folders[-1] / "size").read_text().strip() if folders else "unknown"

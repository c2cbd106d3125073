"""What the kernel says about this process."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from pathlib import Path

_SELF = Path("/proc/self")
_MIB = 1024.0


def status_mib(field: str) -> float:
    """Returns a field of /proc/self/status that is given in kB, such as VmRSS, in MiB."""
    for line in (_SELF / "status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / _MIB
    raise KeyError(f"/proc/self/status has no field {field}")


def reset_peak() -> None:
    """Makes VmHWM start again from what is resident now."""
    (_SELF / "clear_refs").write_text("5")


@dataclass(frozen=True)
class Counts:
    """What a closed loader must not leave behind.

    Attributes:
        threads: of this process.
        descriptors: that are open.
        file_maps: maps of files; numpy's advice on huge pages splits anonymous maps at will.
    """

    threads: int
    descriptors: int
    file_maps: int

    @classmethod
    def now(cls) -> Counts:
        """Counts after a collection, so that dead objects do not count."""
        gc.collect()
        return cls(
            threads=len(os.listdir(_SELF / "task")),
            descriptors=len(os.listdir(_SELF / "fd")),
            file_maps=sum(" /" in line for line in (_SELF / "maps").read_text().splitlines()),
        )

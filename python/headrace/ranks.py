"""Which part of the rows this process reads, guarded against reading all of them by mistake."""

from __future__ import annotations

import os

from headrace import checks, torch_bridge
from headrace.errors import InvalidError

_MAX_WORLD_SIZE = 2**20 - 1


def resolve_rank(rank: object, world_size: object) -> tuple[int, int]:
    """Returns (rank, world_size) as given, (0, 1) if neither is and this process is alone.

    Raises:
        InvalidError: If only one is given, the rank is out of range, or this process is visibly
            one of several and says nothing about its rank.
    """
    if rank is None and world_size is None:
        processes = max(torch_bridge.process_group_size(), _number_in_environment("WORLD_SIZE"))
        if processes > 1:
            raise InvalidError(
                f"{processes} processes would each read all rows; pass rank= and world_size=, "
                "or world_size=1 to mean it"
            )
        return 0, 1
    if world_size is None:
        raise InvalidError(f"rank={rank!r} is given without world_size=; pass both")
    size = checks.check_int("world_size", world_size, low=1, high=_MAX_WORLD_SIZE)
    if rank is None:
        if size > 1:
            raise InvalidError(f"world_size={size} is given without rank=; pass both")
        return 0, 1
    number = checks.check_int("rank", rank, low=-checks.MAX_INT64, high=checks.MAX_INT64)
    if not 0 <= number < size:
        raise InvalidError(f"rank {number} is out of range for world_size {size}; ranks start at 0")
    return number, size


def local_ranks(world_size: int) -> int:
    """Returns how many of the ranks are on this machine, as launchers say; 0 if none does.

    It decides nothing but how much is read ahead.
    """
    return min(world_size, _number_in_environment("LOCAL_WORLD_SIZE"))


def _number_in_environment(name: str) -> int:
    """Returns a variable as launchers such as torchrun set it, 0 if it is no number."""
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 0

"""Numbers of bytes, as users write them."""

from __future__ import annotations

import re
from decimal import Decimal

from headrace import checks
from headrace.errors import InvalidError

_UNITS = {
    "": 1,
    "B": 1,
    **{f"{prefix}B": 1000**power for power, prefix in enumerate("KMGTP", start=1)},
    **{f"{prefix}IB": 1024**power for power, prefix in enumerate("KMGTP", start=1)},
}
_SIZE = re.compile(r"\s*([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([A-Za-z]{0,3})\s*", re.ASCII)


def byte_size(name: str, value: object, *, low: int = 1, high: int = 2**62) -> int:
    """Returns the number of bytes that argument `name` gives: an int, or a str with a unit.

    The units are B, KB, MB, GB, TB, PB (powers of 1000) and KiB, MiB, GiB, TiB, PiB (of 1024), in
    any case.

    Raises:
        InvalidError: If it is neither, or outside [low, high].

    Example:
        >>> byte_size("shard_bytes", "128MB"), byte_size("cache_bytes", "1.5 GiB")
        (128000000, 1610612736)
        >>> byte_size("shard_bytes", 4096)
        4096
    """
    number = _parse(name, value) if isinstance(value, str) else value
    hint = 'give bytes as an int, or with a unit as in "256MB" or "1GiB"'
    return checks.check_int(name, number, low=low, high=high, hint=hint)


def _parse(name: str, text: str) -> int:
    found = _SIZE.fullmatch(text)
    unit = None if found is None else _UNITS.get(found[2].upper())
    if found is None or unit is None:
        raise InvalidError(
            f"{name} is no number of bytes: {text!r}; write an int, or a number and a unit (KB, MB,"
            ' GB, TB, KiB, MiB, GiB, TiB), such as "256MB" or "1GiB"'
        )
    size = Decimal(found[1]) * unit
    if size != int(size):
        raise InvalidError(f"{name} is {size} bytes; give a whole number")
    return int(size)


def format_bytes(size: int) -> str:
    """Returns a number of bytes for people, in the largest unit of 1000 that it fills.

    Example:
        >>> format_bytes(999), format_bytes(128_000_000), format_bytes(1_234_567_890)
        ('999 B', '128 MB', '1.23 GB')
    """
    unit = "B"
    scaled = float(size)
    for prefix in "KMGTP":
        if scaled < 999.5:
            break
        scaled /= 1000
        unit = f"{prefix}B"
    digits = f"{scaled:.0f}" if scaled >= 100 or unit == "B" else f"{scaled:.3g}"
    return f"{digits} {unit}"

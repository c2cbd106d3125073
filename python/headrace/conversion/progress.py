"""How far a conversion is: rows/s, MB/s and the time left, as a line on stderr or to a function."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headrace.errors import InvalidError

_TERMINAL_S, _LINES_S = 0.2, 10.0  # between two lines in a terminal, and in a file


@dataclass(frozen=True)
class ConversionProgress:
    """How far a conversion is.

    Attributes:
        rows: Rows written so far by this call.
        bytes: Their bytes.
        fraction: How much of the inputs is committed, from 0 to 1; None where that is not known.
        seconds: How long it has taken.
        unnamed: How many inputs were converted before that this call does not name, and whose rows
            stay; known in the end.

    Example:
        >>> ConversionProgress(rows=1000, bytes=5_000_000, fraction=0.25, seconds=2.0)
        1,000 rows, 500 rows/s, 2.5 MB/s, 25 %, 0:06 left
    """

    rows: int
    bytes: int
    fraction: float | None
    seconds: float
    unnamed: int = 0

    @property
    def rows_per_s(self) -> float:
        """Rows written in a second."""
        return self.rows / max(self.seconds, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """How long it will still take at this speed; None where that is not known."""
        if not self.fraction:
            return None
        return self.seconds * (1 - self.fraction) / self.fraction

    def __repr__(self) -> str:
        mb_per_s = self.bytes / max(self.seconds, 1e-9) / 1e6
        text = f"{self.rows:,} rows, {self.rows_per_s:,.0f} rows/s, {mb_per_s:,.1f} MB/s"
        if self.fraction is not None:
            text += f", {100 * self.fraction:.0f} %"
        if self.seconds_left is not None:
            left = round(self.seconds_left)
            clock = f"{left // 60 % 60}:{left % 60:02}"
            text += f", {clock if left < 3600 else f'{left // 3600}:{clock:0>5}'} left"
        if self.unnamed:
            text += f"; rows of {self.unnamed:,} inputs stay that were converted before and are not"
            text += " named now"
        return text


Progress = bool | Callable[[ConversionProgress], object]


class Meter:
    """Counts what is written and committed, and shows it now and then."""

    def __init__(self, show: Callable[[ConversionProgress], object], every_s: float) -> None:
        self._show, self._every = show, every_s
        self._began = time.monotonic()
        self._due = self._began + every_s
        self._total: int | None = None
        self._rows = self._bytes = 0
        self._done = self._before = self._unnamed = 0

    def expect(self, total: int | None) -> None:
        """Takes the weight of all inputs, None where it is not known."""
        self._total = total

    def expects_no_more(self, *, unnamed: int) -> None:
        """Takes how many inputs of before were not named, and shows it if there are any."""
        self._unnamed = unnamed
        if unnamed:
            self.show()

    def skipped(self, weight: int) -> None:
        """Counts inputs that were done before."""
        self._before += weight

    def wrote(self, rows: int, size: int) -> None:
        """Counts rows and their bytes."""
        self._rows += rows
        self._bytes += size
        if time.monotonic() >= self._due:
            self.show()

    def committed(self, weight: int) -> None:
        """Counts inputs, by weight."""
        self._done += weight
        self.wrote(0, 0)

    def now(self) -> ConversionProgress:
        """Returns how far it is."""
        fraction = None
        if self._total is not None and self._total > self._before:
            fraction = min(1.0, self._done / (self._total - self._before))
        seconds = time.monotonic() - self._began
        return ConversionProgress(self._rows, self._bytes, fraction, seconds, self._unnamed)

    def show(self) -> None:
        """Shows it now."""
        self._show(self.now())
        self._due = time.monotonic() + self._every


@contextlib.contextmanager
def metering(progress: Progress) -> Iterator[Meter]:
    """Yields the meter of a conversion that shows what `progress` says.

    True is a line on stderr: one that is written over in a terminal, elsewhere one every ten
    seconds. False is nothing. A function is called with a ConversionProgress.
    """
    if not isinstance(progress, bool) and not callable(progress):
        raise InvalidError(
            "progress is True, False or a function of a ConversionProgress, not " + repr(progress)
        )
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    if callable(progress):
        meter = Meter(progress, _TERMINAL_S)
        yield meter
        meter.show()
    elif not progress or sys.stderr is None:
        yield Meter(lambda now: None, float("inf"))
    elif is_terminal:
        meter = Meter(lambda now: _write(f"\r\x1b[2Kconvert: {now}"), _TERMINAL_S)
        try:
            yield meter
        finally:
            meter.show()
            _write("\n")
    else:
        yield Meter(lambda now: _write(f"convert: {now}\n"), _LINES_S)


def _write(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # a closed stderr is no reason to stop
        sys.stderr.write(text)
        sys.stderr.flush()

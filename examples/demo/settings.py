"""How much of everything the demo does, and what it says of what plain Python took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Settings:
    """How much of everything; `sample_rows` by situation."""

    batch_size: int
    seed: int
    epochs: int
    seeds: int
    passes: int
    sample_fragments: int
    sample_rows: dict[str, int]


@dataclass(frozen=True)
class Usual:
    """What plain Python took for a sample, and takes for all of it at the same rate."""

    sample: int
    total: int
    seconds: float

    @property
    def for_all(self) -> float:
        """Seconds for everything: an extrapolation, unless the sample is everything."""
        return self.seconds * self.total / self.sample

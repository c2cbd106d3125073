"""What came out of the transform of a loader: counts over all of its passes.

The core counts the batches that it gave to the transform. With threads these are ahead of the
batches that training has received, and the one that fails is never received at all.
"""

from __future__ import annotations

from typing import Any

from headrace.transformed_pass import TransformedPass


class Received:
    """Counts of the passes of one core's loader, of which the last may be running."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}  # sums over the passes before the last one
        self._last: TransformedPass | None = None
        self._padding = 0  # that the core had counted before the last pass

    def begin(self, current: TransformedPass, core_stats: dict[str, Any]) -> None:
        """Makes `current` the last pass; the core has handed out nothing of it yet."""
        self._before = self._sums(core_stats)
        self._last, self._padding = current, core_stats["padding"]

    def stats(self, core_stats: dict[str, Any]) -> dict[str, Any]:
        """Returns the stats of the core with what was received in place of what was taken."""
        sums = self._sums(core_stats)
        taken = core_stats["rows"]
        row_bytes = core_stats["bytes"] // taken if taken else 0
        stats = core_stats | sums | {"bytes": row_bytes * sums["rows"]}
        ready = None if self._last is None else self._last.ready
        return stats if ready is None else stats | {"queue_depth": ready}

    def _sums(self, core_stats: dict[str, Any]) -> dict[str, float]:
        counts = {"batches": 0, "rows": 0, "padding": 0, "transform_s": 0.0}
        if self._last is not None:
            counts |= self._last.counts
            # Only the last batch of a pass can have any.
            if self._last.handed_out == self._last.order.batches:
                counts["padding"] = core_stats["padding"] - self._padding
        return {name: self._before.get(name, 0) + count for name, count in counts.items()}

"""Which rows of a dataset lie in which shard."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from headrace.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from headrace.dataset_rows import Rows


class ShardTable:
    """The shards behind a dataset's rows, by id, in row order."""

    def __init__(self, dataset: Rows) -> None:
        """Raises InvalidError for a dataset without shards, or with its rows out of order."""
        self._ranges: dict[str, list[range]] = {}
        for sid, first, rows in dataset._core.shard_rows():
            self._ranges.setdefault(sid, []).append(range(first, first + rows))

    def __iter__(self) -> Iterator[str]:
        return iter(self._ranges)

    def rows(self, sids: object) -> list[range]:
        """Returns the rows of some shards, one shard after another; neighbours are one range.

        Raises:
            InvalidError: If `sids` are no list of ids, are empty, or repeat one.
            NotFoundError: If there is no such shard.
        """
        if isinstance(sids, (str, bytes)) or not isinstance(sids, Iterable):
            raise InvalidError(f"shards are selected by a list of their ids, not by {sids!r}")
        chosen: list[range] = []
        seen = set[str]()
        for sid in sids:
            ranges = self._ranges.get(sid) if isinstance(sid, str) else None
            if ranges is None:
                raise NotFoundError(
                    f"there is no shard {sid!r} among the {len(self._ranges)} of this dataset; "
                    + self._hint(sid)
                )
            if sid in seen:
                raise InvalidError(f"shard {sid!r} is selected twice; select each shard once")
            seen.add(sid)
            for rows in ranges:
                if chosen and chosen[-1].stop == rows.start:
                    chosen[-1] = range(chosen[-1].start, rows.stop)
                else:
                    chosen.append(rows)
        if not chosen:
            raise InvalidError("no shard was selected, and a dataset needs rows; give one or more")
        return chosen

    def _hint(self, sid: object) -> str:
        text = str(sid)
        as_text = not isinstance(sid, str) and text in self._ranges
        return f"ids of shards are text: {text!r}" if as_text else "see ds.shard_ids"

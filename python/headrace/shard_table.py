"""Which rows of a dataset lie in which shard."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING

from headrace.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from headrace.dataset_rows import Rows


class ShardTable:
    """The shards behind a dataset's rows, by id, in row order.

    There may be a million: of each there is an id and a number, and no other object.
    """

    def __init__(self, dataset: Rows) -> None:
        """Raises InvalidError for a dataset without shards, or with its rows out of order."""
        # Of runs of rows: a shard may have several.
        self._ids, self._ends = dataset._core.shard_rows()

    @functools.cached_property
    def ids(self) -> list[str]:
        """The ids, each once; nobody may change the list."""
        once = list(dict.fromkeys(self._ids))
        return self._ids if len(once) == len(self._ids) else once

    @functools.cached_property
    def _runs(self) -> tuple[dict[str, int], dict[int, int]]:
        """The last run of each shard; and of a run the one before it of the same shard, if any."""
        last: dict[str, int] = {}
        before: dict[int, int] = {}
        for run, sid in enumerate(self._ids):
            other = last.setdefault(sid, run)
            if other != run:
                before[run], last[sid] = other, run
        return last, before

    def _ranges(self, sid: str) -> list[range]:
        """Returns the rows of a shard that is there."""
        last, before = self._runs
        ranges = []
        run: int | None = last[sid]
        while run is not None:
            start = int(self._ends[run - 1]) if run else 0
            ranges.append(range(start, int(self._ends[run])))
            run = before.get(run)
        return ranges[::-1]

    def rows(self, sids: object) -> list[range]:
        """Returns the rows of some shards, one shard after another; neighbours are one range.

        Raises:
            InvalidError: If `sids` are no list of ids, are empty, or repeat one.
            NotFoundError: If there is no such shard.
        """
        if isinstance(sids, (str, bytes)) or not isinstance(sids, Iterable):
            raise InvalidError(f"shards are selected by a list of their ids, not by {sids!r}")
        known = self._runs[0]
        chosen: list[range] = []
        seen = set[str]()
        for sid in sids:
            if not isinstance(sid, str) or sid not in known:
                raise NotFoundError(
                    f"there is no shard {sid!r} among the {len(known)} of this dataset; "
                    + self._hint(sid)
                )
            if sid in seen:
                raise InvalidError(f"shard {sid!r} is selected twice; select each shard once")
            seen.add(sid)
            for rows in self._ranges(sid):
                if chosen and chosen[-1].stop == rows.start:
                    chosen[-1] = range(chosen[-1].start, rows.stop)
                else:
                    chosen.append(rows)
        if not chosen:
            raise InvalidError("no shard was selected, and a dataset needs rows; give one or more")
        return chosen

    def _hint(self, sid: object) -> str:
        text = str(sid)
        as_text = not isinstance(sid, str) and text in self._runs[0]
        return f"ids of shards are text: {text!r}" if as_text else "see ds.shard_ids"

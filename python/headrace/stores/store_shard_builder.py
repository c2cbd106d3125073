"""Batches become shards in a store that no version of a dataset names yet."""

from __future__ import annotations

import os
from typing import Any

from headrace.shard_builder import BuiltShards, ShardBuilder
from headrace.stores.object_store import ObjectStore
from headrace.stores.temporary_folder import make_folder
from headrace.stores.uploads import Uploads


class StoreShardBuilder(ShardBuilder):
    """A `ShardBuilder` whose shards go to a store as soon as they are full.

    Args:
        store: Where the dataset is, or will be.
        **options: Those of `ShardBuilder`.

    Shards are complete in a temporary directory (of TMPDIR) before they are uploaded, some at a
    time. A builder whose process is killed leaves shards behind that no version names.
    """

    def __init__(self, store: ObjectStore, **options: Any) -> None:
        folder, self._remove = make_folder(self, "shards")
        super().__init__(folder, **options)
        self._uploads = Uploads(store, os.path.join(folder, "shards"))

    def write(self, data: object) -> int:
        """Appends rows, and begins to upload the shards that are full."""
        written = super().write(data)
        self._uploads.sweep()
        return written

    def finish(self) -> BuiltShards:
        """Returns when all rows are in the store."""
        built = super().finish()
        self._uploads.finish(built.entries)
        return built

    def abort(self) -> None:
        """Removes the shards that finish() has not returned, here and there."""
        super().abort()
        if self.is_own:
            self._uploads.abort()
            self._remove()

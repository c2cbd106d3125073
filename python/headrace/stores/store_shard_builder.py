"""Batches become shards in a store that no version of a dataset names yet."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from headrace.errors import IoError
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
        self._folder = folder
        super().__init__(folder, **options)
        self._uploads = Uploads(store, os.path.join(folder, "shards"))

    def write(self, data: object) -> int:
        """Appends rows, and begins to upload the shards that are full."""
        with self._saying_where():
            written = super().write(data)
        self._uploads.sweep()
        return written

    def finish(self) -> BuiltShards:
        """Returns when all rows are in the store."""
        with self._saying_where():
            built = super().finish()
        self._uploads.finish(built.entries)
        return built

    def abort(self) -> None:
        """Removes the shards that finish() has not returned, here and there."""
        super().abort()
        if self.is_own:
            self._uploads.abort()
            self._remove()

    @contextlib.contextmanager
    def _saying_where(self) -> Iterator[None]:
        """Says of an error of the folder what that is: nobody has named it."""
        try:
            yield
        except IoError as error:
            if self._folder not in str(error):
                raise
            raise IoError(
                f"{error}; shards are complete in a temporary directory before they are uploaded: "
                "make room there, set TMPDIR to another one, or take a smaller shard_bytes",
                file=error.file,
            ) from error

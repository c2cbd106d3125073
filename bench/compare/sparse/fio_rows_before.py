"""The limit of random rows, measured before: fio reads their pages, queue depth 64."""

from compare.sparse.fio_rows_after import limit

__all__ = ["limit"]

NEEDS = "fio"

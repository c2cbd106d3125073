"""The limit of random rows, measured after: fio, 4 KiB random reads, queue depth 64."""

from compare.cold.fio import limit

__all__ = ["limit"]

NEEDS = "fio"

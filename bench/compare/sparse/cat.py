"""The limit of a whole pass: cat SHARDS > /dev/null."""

from compare.cold.cat import limit

__all__ = ["limit"]

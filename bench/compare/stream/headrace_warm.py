"""The same, with all shards in the cache."""

from compare.stream.headrace import FORMAT, close, epoch, setup, write

NEEDS = "nginx"
WARM = True

__all__ = ["FORMAT", "close", "epoch", "setup", "write"]

"""Four processes, a lane for each."""

from compare.cache_limit.headrace import FORMAT, train, write

__all__ = ["FORMAT", "LANES", "NEEDS", "PROCESSES", "train", "write"]

NEEDS = "nginx"
PROCESSES = 4
LANES = 4

"""hr.memmap over 8 raw files per column, hr.Loader(shuffle=True)."""

from compare.mapped.headrace import close, epoch, setup

__all__ = ["close", "epoch", "setup"]

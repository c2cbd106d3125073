"""hr.memmap over the files, hr.Loader(shuffle=True)."""

from compare.mapped.headrace import close, epoch, setup

__all__ = ["close", "epoch", "setup"]

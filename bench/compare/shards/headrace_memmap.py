"""The same rows by hr.memmap from raw files, hr.Loader(shuffle=True)."""

from compare.mapped.headrace import close, epoch, setup

__all__ = ["close", "epoch", "setup"]

"""hr.from_arrays, hr.Loader(shuffle=True), the columns as they are stored."""

from compare.ram.headrace import close, epoch, setup

__all__ = ["close", "epoch", "setup"]

"""The same, the text once."""

from __future__ import annotations

from compare.text_shards.headrace import convert

__all__ = ["convert"]

COPIES = 1

"""Numbers of bytes, as users write them."""

from __future__ import annotations

import pytest

import headrace as hr
from headrace.byte_sizes import byte_size, format_bytes


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        ("1", 1),
        ("512 B", 512),
        ("256MB", 256_000_000),
        ("256mb", 256_000_000),
        (" 1 GiB ", 2**30),
        ("1.5KiB", 1536),
        ("0.5kb", 500),
        ("3PB", 3 * 10**15),
        ("2TiB", 2 * 2**40),
        # More digits than a float holds.
        ("4611686018427387903", 2**62 - 1),
    ],
)
def test_sizes_are_ints_or_have_units(value: object, expected: int) -> None:
    assert byte_size("shard_bytes", value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "MB", "12 parsecs", "1e9", "-1MB", "1,5MB", "1MB2", "٣MB", None, 1.5, True, b"1MB", 0,
     "0B", 2**63, "99999999999999999999PB", "0.3B"],
)  # fmt: skip
def test_anything_else_is_refused_with_the_name_and_an_example(value: object) -> None:
    with pytest.raises(hr.InvalidError, match=r"^shard_bytes "):
        byte_size("shard_bytes", value)


def test_bounds_are_kept() -> None:
    assert byte_size("n", "4KiB", low=4096) == 4096
    with pytest.raises(hr.InvalidError, match="4096"):
        byte_size("n", "4KB", low=4096)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1000, "1 KB"), (999_499, "999 KB"), (999_999, "1 MB"), (10**15, "1 PB"),
     (10**18, "1000 PB")],
)  # fmt: skip
def test_sizes_for_people(size: int, text: str) -> None:
    assert format_bytes(size) == text

"""The worked example of docs/format.md, read from that page alone and from pyarrow's metadata."""

from __future__ import annotations

import itertools
import re
import struct
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pytest
import xxhash

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "format.md").read_text()
EXAMPLE = PAGE.split("## Worked example")[1]
SHARDS = sorted((ROOT / "tests" / "golden" / "v1").glob("*.arrow"))


class Part(NamedTuple):
    name: str
    offset: int
    size: int
    start: bytes = b""


def documented_parts() -> list[Part]:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `([0-9a-f ]+)` \| (.+) \|$", EXAMPLE, re.MULTILINE)
    return [Part(name, int(at), int(size), bytes.fromhex(start)) for at, size, start, name in rows]


def found_parts(data: bytes) -> list[Part]:
    """Returns the parts of a shard by walking over it as the page says."""
    parts = [Part("head", 0, 8)]
    at = 8
    while True:
        mark, length = struct.unpack_from("<II", data, at)
        assert mark == 0xFFFFFFFF
        if length == 0:
            break
        is_schema = len(parts) == 1
        parts.append(Part(f"{'schema' if is_schema else 'record batch'} message", at, 8 + length))
        at += 8 + length
        if not is_schema:
            message = pa.ipc.read_message(data[parts[-1].offset :])
            parts.append(Part("body", at, message.body.size))
            at += message.body.size
    (footer,) = struct.unpack_from("<i", data, len(data) - 10)
    parts.append(Part("end of stream", at, 8))
    parts.append(Part("footer", at + 8, footer))
    parts.append(Part("tail", at + 8 + footer, 10))
    return parts


def content(data: bytes, part: Part) -> bytes:
    return data[part.offset : part.offset + part.size]


def metadata_hash(data: bytes, parts: list[Part], digits: bytes) -> str:
    messages = [content(data, part) for part in parts if part.name.endswith("message")]
    (footer,) = (content(data, part) for part in parts if part.name == "footer")
    assert footer.count(digits) == 1
    return xxhash.xxh3_64_hexdigest(b"".join(messages) + footer.replace(digits, b"0" * 16))


def test_the_parts_of_the_example_are_those_of_the_file() -> None:
    data = (ROOT / "tests/golden/v1/tensor.arrow").read_bytes()
    documented = documented_parts()
    assert [part._replace(start=b"") for part in documented] == found_parts(data)
    for part in documented:
        assert content(data, part).startswith(part.start), part
    assert f"of {len(data)} bytes" in EXAMPLE


def test_the_hashes_of_the_example_are_those_of_the_file() -> None:
    data = (ROOT / "tests/golden/v1/tensor.arrow").read_bytes()
    *bodies, metadata = re.findall(r"`([0-9a-f]{16})`", EXAMPLE)
    parts = found_parts(data)
    found = [xxhash.xxh3_64_hexdigest(content(data, p)) for p in parts if p.name == "body"]
    assert found == bodies
    assert metadata_hash(data, parts, metadata.encode()) == metadata
    (digits_at,) = map(int, re.findall(r"digits stand at byte (\d+)", EXAMPLE))
    assert data[digits_at : digits_at + 16].decode() == metadata


def test_the_first_row_of_the_example_is_that_of_the_file() -> None:
    raw, numbers = re.findall(r"first row is `([0-9a-f ]+)`: (.+?)\. ", EXAMPLE)[0]
    row = [int(number) for number in numbers.split(", ")]
    assert list(struct.unpack("<3h", bytes.fromhex(raw))) == row
    table = pa.ipc.open_file(ROOT / "tests/golden/v1/tensor.arrow").read_all()
    assert table.column("tensor")[0].as_py() == row


@pytest.mark.parametrize("path", SHARDS, ids=lambda path: path.stem)
def test_every_golden_shard_is_as_the_page_says(path: Path) -> None:
    data = path.read_bytes()
    parts = found_parts(data)
    for part, following in itertools.pairwise(parts):
        assert part.offset + part.size == following.offset, following
    assert parts[-1].offset + parts[-1].size == len(data)
    for part in parts:
        assert part.name != "body" or (part.offset % 64 == 0 and part.size % 64 == 0)

    reader = pa.ipc.open_file(path)
    table = reader.read_all()
    table.validate(full=True)
    assert all(column.null_count == 0 for column in table.columns)
    assert not any(field.nullable for field in table.schema)
    assert pa.ipc.open_stream(data[8:]).schema.equals(table.schema, check_metadata=True)
    assert reader.metadata[b"headrace.profile"] == b"1"
    rows = [reader.get_batch(i).num_rows for i in range(reader.num_record_batches)]
    assert set(rows[:-1]) == {int(reader.metadata[b"headrace.rows_per_batch"])}
    digits = reader.metadata[b"headrace.meta_xxh3"]
    assert metadata_hash(data, parts, digits) == digits.decode()
    for i, part in enumerate(p for p in parts if p.name == "body"):
        stored = reader.get_batch_with_custom_metadata(i).custom_metadata[b"headrace.xxh3"]
        assert xxhash.xxh3_64_hexdigest(content(data, part)) == stored.decode()


def test_there_are_golden_shards() -> None:
    assert len(SHARDS) >= 10

"""What is left to do of a conversion, cut into parts, and parts gathered into groups.

1. A small input is one part. A large one that is read without a transform is cut where its format
   allows it. With a transform an input is one part, whose steps are what the transform yields.
2. Parts are numbered in the order of the inputs. What the ledger holds is left out, and a part
   that was begun goes on behind the steps that are done.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from headrace.conversion.input_formats import Format, format_of
from headrace.conversion.inputs import Input
from headrace.conversion.ledger import Ledger, Record
from headrace.conversion.sparse_formats import Svmlight
from headrace.conversion.text_formats import Span

_MOST_PARTS = 1024  # of a group


@dataclass(frozen=True)
class Part:
    """A part of an input that one worker reads.

    Attributes:
        span: Where in the input, None for a transform, which takes all of it.
        index: Its number among the `count` parts of the input.
        done: How many steps of it are in the dataset: rows, or with a transform what it yielded.
        position: The number of the input among all, which native code is told.
        format: How it is read without a transform.
    """

    input: Input
    span: Span | None
    index: int
    count: int
    done: int
    position: int = 0
    format: Format | None = None

    @property
    def weight(self) -> int:
        """Its size in bytes, 1 for an item."""
        if self.span is not None:
            return max(1, self.span.weight)
        return 1 if self.input.size is None else max(1, self.input.size)

    def record(self, done: int, *, complete: bool) -> Record:
        """Returns what the ledger keeps of it."""
        return Record(self.input.key, self.input.stamp, self.index, self.count, done, complete)


def plan(
    inputs: Iterable[Input],
    ledger: Ledger,
    *,
    transforms: bool,
    svmlight: Svmlight | None = None,
    skip: Callable[[int], object] = lambda weight: None,
) -> Iterator[Part]:
    """Yields the parts that are left to do, in order; `skip` is told the weight of the others.

    Files of svmlight are read as `svmlight` has it.

    Raises:
        InvalidError: If an input has changed since parts of it were converted, or if it is known by
            its position and stands elsewhere.
        UnsupportedError: If it is of no kind that is read without a transform.
    """
    for position, listed in enumerate(inputs):
        found = ledger.recognize(listed, position)
        if ledger.is_complete(found):
            skip(Part(found, None, 0, 1, 0).weight)
            continue
        spans: list[Span | None] = [None]
        form: Format | None = None
        if not transforms:
            form = format_of(found)
            spans = list(form.split(found.item, found.size or 0))
            if isinstance(form, Svmlight):
                form = svmlight
        for index, span in enumerate(spans):
            done = ledger.steps(found, index, len(spans))
            part = Part(found, span, index, len(spans), done or 0, position, form)
            if done is None:
                skip(part.weight)
            else:
                yield part


class Group(NamedTuple):
    """Parts that a worker is given at once: those from number `first` on."""

    first: int
    parts: list[Part]


class Groups:
    """Gathers parts into groups for workers, the earliest first.

    A group is as heavy as a shard at most, and lighter where workers would be idle otherwise, or
    where those before it took too long. What a worker gave back comes again before new parts, so
    that commits, which are in order, never wait for long.
    """

    def __init__(self, parts: Iterator[Part], *, shard_bytes: int, share: int | None) -> None:
        """Takes the weight that makes each worker busy, None where that is not known."""
        self._parts = parts
        self._held: Part | None = None  # that did not fit
        self._first = 0
        self._returned: list[Group] = []
        self._largest = shard_bytes
        if share is not None:
            self._largest = min(shard_bytes, share)
        self._limit = self._largest
        self._most = _MOST_PARTS

    def give_back(self, group: Group) -> None:
        """Takes the parts that a worker left."""
        heapq.heappush(self._returned, group)

    def take(self, *, new: bool = True, one: bool = False) -> Group | None:
        """Returns the next group, None if there is none; without `new` of what was given back."""
        if self._returned:
            group = heapq.heappop(self._returned)
            count = 1 if one else self._count(group.parts)
            if count < len(group.parts):
                self.give_back(Group(group.first + count, group.parts[count:]))
            return Group(group.first, group.parts[:count])
        return self._gather(one=one) if new else None

    def learn(self, weight: int, count: int, *, full: bool, quick: bool) -> None:
        """Takes what a worker managed: `full` if it gave parts back, `quick` if time was left."""
        if full:
            self._limit, self._most = max(1, weight), max(1, count)
        elif quick:
            self._limit = min(self._largest, 2 * self._limit)
            self._most = min(_MOST_PARTS, 2 * self._most)

    def _gather(self, *, one: bool) -> Group | None:
        parts: list[Part] = []
        weight = 0
        while (part := self._next()) is not None:
            if parts and weight + part.weight > self._limit:
                self._held = part
                break
            parts.append(part)
            weight += part.weight
            if one or len(parts) == self._most:
                break
        if not parts:
            return None
        first, self._first = self._first, self._first + len(parts)
        return Group(first, parts)

    def _next(self) -> Part | None:
        part, self._held = self._held, None
        return next(self._parts, None) if part is None else part

    def _count(self, parts: list[Part]) -> int:
        weight = 0
        for count, part in enumerate(parts):
            weight += part.weight
            if count and (weight > self._limit or count == self._most):
                return count
        return len(parts)

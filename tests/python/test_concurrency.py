"""How many ranges are downloaded at a time, over networks that are made up."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import headrace as hr
from headrace import _core
from headrace.stores import fetching, remote_dataset
from headrace.stores.concurrency import Concurrency
from headrace.stores.object_store import ObjectStore

_PIECE = 2**22
_MB = 1e6
_SLOWEST_STEP_S = 0.05

# How many bytes a second `number` connections bring.
Network = Callable[[int], float]


class Time:
    """A clock that stands still until it is set on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run(
    concurrency: Concurrency, clock: Time, network: Network, seconds: float, *, idle: float = 0.0
) -> list[int]:
    """Brings bytes for a time, of which each connection idles a part; the numbers that it had."""
    end = clock.now + seconds
    numbers = [concurrency.number]
    while clock.now < end:
        number = concurrency.number
        step = number * _PIECE / network(number)
        with contextlib.ExitStack() as idling:
            for _ in range(number):
                idling.enter_context(concurrency.idling())
            clock.now += step * idle
        clock.now += step * (1 - idle)
        for _ in range(number):
            concurrency.came(_PIECE)
        if concurrency.number != numbers[-1]:
            numbers.append(concurrency.number)
    return numbers


def share(network: Network, concurrency: Concurrency, clock: Time, seconds: float) -> float:
    """What of the best that this network has came in that time."""
    best = max(network(number) for number in (4, 8, 16, 32))
    end, got = clock.now + seconds, 0.0
    while clock.now < end:
        rate = network(concurrency.number)
        before = clock.now
        run(concurrency, clock, network, _SLOWEST_STEP_S)
        got += rate * (clock.now - before)
    return got / (best * (clock.now - end + seconds))


def slow_connections(number: int) -> float:
    """A store that gives 50 MB/s to each connection."""
    return 50 * _MB * number


def slow_network(_: int) -> float:
    """300 MB/s in all."""
    return 300 * _MB


def small_server(number: int) -> float:
    """One that shares its processors with the clients."""
    return 1e9 / (1 + number / 16)


def test_more_connections_where_each_is_slow() -> None:
    clock = Time()
    concurrency = Concurrency(clock=clock)
    assert run(concurrency, clock, slow_connections, 3.0) == [8, 16, 32]


def test_trials_cost_little() -> None:
    clock = Time()
    for network in (slow_connections, slow_network, small_server):
        concurrency = Concurrency(clock=clock)
        run(concurrency, clock, network, 20.0)
        assert share(network, concurrency, clock, 600.0) > 0.97, network.__name__


def test_fewer_connections_where_more_bring_nothing() -> None:
    clock = Time()
    for network in (slow_network, small_server):
        concurrency = Concurrency(clock=clock)
        numbers = run(concurrency, clock, network, 60.0)
        assert numbers[-1] == 4, network.__name__
        assert max(numbers) == 16, network.__name__


def test_a_network_that_changes() -> None:
    clock = Time()
    concurrency = Concurrency(clock=clock)
    run(concurrency, clock, slow_network, 600.0)
    assert run(concurrency, clock, slow_connections, 300.0)[-1] == 32
    assert run(concurrency, clock, slow_network, 600.0)[-1] == 4


def test_nothing_is_tried_where_training_is_slower_than_the_network() -> None:
    clock = Time()
    concurrency = Concurrency(clock=clock)
    assert run(concurrency, clock, slow_connections, 60.0, idle=0.2) == [8]
    assert run(concurrency, clock, slow_connections, 60.0, idle=0.05)[-1] == 32


def test_a_trial_during_which_training_was_slower_proves_nothing() -> None:
    clock = Time()
    concurrency = Concurrency(clock=clock)
    while concurrency.number == 8:
        run(concurrency, clock, slow_connections, _SLOWEST_STEP_S)
    assert concurrency.number == 16
    assert run(concurrency, clock, slow_connections, 20.0, idle=0.5) == [16, 8]


def test_a_fixed_number_stays() -> None:
    clock = Time()
    concurrency = Concurrency.fixed(3)
    assert run(concurrency, clock, slow_connections, 60.0) == [3]
    concurrency = Concurrency(4, least=4, most=4, clock=clock)
    assert run(concurrency, clock, slow_connections, 60.0) == [4]


def test_a_child_of_a_fork_measures_anew() -> None:
    clock = Time()
    concurrency = Concurrency(clock=clock)
    entered = concurrency.idling()
    entered.__enter__()  # a thread of the parent, which the child has not
    concurrency.restart()
    assert run(concurrency, clock, slow_connections, 3.0)[-1] == 32


def test_many_connections_take_no_more_memory() -> None:
    for number in (1, 4, 8, 16, 32):
        concurrency = Concurrency.fixed(number)
        assert 2**20 <= concurrency.piece_bytes <= min(2**22, 2**25 // number)


class Dial:
    """A number that a test turns, and downloads that wait until it lets them go."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.bytes = 0
        self.changed = threading.Condition()
        self.waiting: list[threading.Event] = []
        self.is_open = False

    @property
    def piece_bytes(self) -> int:
        """As a Concurrency."""
        return 1 << 20

    def restart(self) -> None:
        """As a Concurrency."""

    @contextlib.contextmanager
    def idling(self) -> Iterator[None]:
        """As a Concurrency."""
        yield

    def came(self, size: int) -> None:
        """As a Concurrency."""
        self.bytes += size

    def pass_through(self) -> None:
        """Waits, as a download, until a test lets it go."""
        with self.changed:
            if self.is_open:
                return
            go = threading.Event()
            self.waiting.append(go)
            self.changed.notify_all()
        go.wait()

    def wait_for(self, number: int) -> None:
        """Waits until so many downloads are under way, and looks whether more come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.waiting) == number, 20.0)
            assert not self.changed.wait_for(lambda: len(self.waiting) != number, 0.1)

    def let_go(self, number: int) -> None:
        """Lets the first so many of those that wait go."""
        with self.changed:
            gone, self.waiting = self.waiting[:number], self.waiting[number:]
        for go in gone:
            go.set()

    def open(self) -> None:
        """Lets all go, and those that come."""
        with self.changed:
            self.is_open = True
        self.let_go(len(self.waiting))


def test_threads_follow_the_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = 40_000
    with hr.Writer("memory://concurrency/threads", shard_bytes="8KB") as writer:
        writer.write(x=np.arange(rows))
    dial = Dial(2)
    before = set(threading.enumerate())

    def download(store: ObjectStore, concurrency: Concurrency, job: _core.FetchJob) -> None:
        dial.pass_through()
        fetching.download(store, concurrency, job)

    monkeypatch.setattr(remote_dataset, "Concurrency", lambda: dial)
    monkeypatch.setattr(remote_dataset, "download", download)
    dataset = hr.open("memory://concurrency/threads", cache=tmp_path, cache_bytes="10MB")
    loader = hr.Loader(dataset, batch_size=500, output="numpy", shuffle=False)
    found: list[int] = []

    def train() -> None:
        for batch in loader:
            found.extend(batch["x"])

    training = threading.Thread(target=train)
    training.start()
    try:
        for number, gone in ((2, 0), (5, 1), (1, 5), (3, 1)):
            dial.number = number
            dial.let_go(gone)
            dial.wait_for(number)
    finally:
        dial.open()
        training.join(60.0)
    assert found == list(range(rows))
    assert dial.bytes >= 8 * rows
    started = set(threading.enumerate()) - before
    assert sum(thread.name.startswith("headrace-fetch") for thread in started) == 3

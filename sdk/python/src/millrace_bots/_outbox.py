"""Events between ``emit`` and the broker's acknowledgement, in order: in the spool, and in memory as far as there is room.

1. An event is buffered once the spool has it; only then it may be sent.
2. Numbers follow the order of the calls; whoever waits for room, a thread or a task, is admitted in that order.
3. ``pending_bytes`` never exceeds the limit, but for one event alone.
"""

from __future__ import annotations

import json as json_module
import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Condition, Event, RLock
from typing import Any, Literal

from ._quick import Ready
from ._limits import TURN_EVENTS, TURN_SECONDS
from ._spool import HEAD_BYTES, Frame, Spool, frame_of
from .errors import BotError

#: What an emit does when there is no room: wait at most 10 s, drop the new event and count it, or fail at once.
WhenFull = Literal["block", "drop_new", "error"]
#: Told when the broker has acknowledged an event, or that this will not be known.
Settle = Callable[["BotError | None"], None]


class Waiting:
    """An event on its way to the broker."""

    __slots__ = (
        "number", "event", "json", "meta", "size", "settle", "acknowledged", "partition", "sequence",
    )  # fmt: skip

    #: Set by the courier, once it knows the topic.
    partition: int
    sequence: int

    def __init__(
        self,
        number: int,
        event: dict[str, Any] | Ready | None,
        json: bytes,
        meta: bytes,
        size: int,
        settle: Settle | None,
    ) -> None:
        self.number = number
        #: As it was emitted; None: it was read back from the spool, and not looked at since.
        self.event = event
        #: Empty where the event is encoded already.
        self.json = json
        self.meta = meta
        self.size = size
        self.settle = settle
        self.acknowledged = False

    def parsed(self) -> dict[str, Any]:
        """The event."""
        event = self.event
        if type(event) is dict:
            return event
        parsed: dict[str, Any] = json_module.loads(self.json)
        self.event = parsed
        return parsed


class Place:
    """An event that waits for room, in a queue of such."""

    __slots__ = ("event", "json", "meta", "frame", "size", "settle", "admitted")

    def __init__(
        self,
        event: dict[str, Any] | Ready,
        json: bytes,
        meta: bytes,
        frame: Frame,
        settle: Settle | None,
        admitted: Settle,
    ) -> None:
        self.event = event
        self.json = json
        self.meta = meta
        self.frame = frame
        self.size = HEAD_BYTES + len(frame[1])
        self.settle = settle
        #: Told once that the event is buffered, or why it will not be.
        self.admitted = admitted


class Outbox:
    """See the head of this file. Any thread may put; one thread takes and acknowledges."""

    def __init__(
        self,
        spool: Spool | None,
        limit_bytes: int,
        window_bytes: int,
        when_full: WhenFull,
        block_seconds: float,
        next_number: int,
    ) -> None:
        self._spool = spool
        self._limit_bytes = limit_bytes
        self._window_bytes = window_bytes
        self._when_full = when_full
        #: How long an event may wait for room.
        self.block_seconds = block_seconds
        self._memory: deque[Waiting] = deque()
        self._memory_bytes = 0
        self._settles: dict[int, Settle] = {}
        self._end = next_number if spool is None else max(spool.end, next_number)
        #: From this number on events are read back from the spool; None: all that wait are in memory.
        self._spooled_from = next_number if next_number < self._end else None
        self._passed = next_number
        #: Who waits for room.
        self._queue: deque[Place] = deque()
        self.pending = 0
        self.pending_bytes = 0
        #: Events that the policy ``drop_new`` let go.
        self.dropped = 0
        self.is_closed = False
        #: Whether what is buffered would be taken now: there is a broker, and it does not lag behind.
        self.is_wanted = False
        self._lock = RLock()
        self._changed = Condition(self._lock)
        self._taker_waits = False
        self._others_wait = 0
        self.last_error: str | None = None
        self._count_left(next_number)

    def put(
        self,
        event: dict[str, Any] | Ready,
        json: bytes,
        meta: bytes,
        settle: Settle | None = None,
    ) -> bool:
        """Buffers one event; waits for room where the policy says so. False: dropped by the policy.

        Raises: BotError BUFFER_FULL, CLOSED, SPOOL_FAILED.
        """
        frame = frame_of(meta, json)
        size = HEAD_BYTES + len(frame[1])
        with self._lock:
            if self._has_room(size):
                self._admit(event, json, meta, frame, size, settle)
                if len(self._memory) >= TURN_EVENTS and self.is_wanted:
                    self._let_take()
                return True
            if self._when_full != "block":
                return self._refuse()
            outcome: list[BotError | None] = []
            done = Event()

            def admitted(error: BotError | None) -> None:
                outcome.append(error)
                done.set()

            place = Place(event, json, meta, frame, settle, admitted)
            self._queue.append(place)
        try:
            if not done.wait(self.block_seconds):
                self.give_up(place)
                done.wait()
        except BaseException:
            # Interrupted: nobody will know of it any more.
            self.leave(place, closed())
            raise
        if outcome[0] is not None:
            raise outcome[0]
        return True

    def offer(
        self,
        event: dict[str, Any] | Ready,
        json: bytes,
        meta: bytes,
        settle: Settle | None,
        admitted: Settle,
    ) -> bool | Place:
        """As ``put``, without waiting: where the event has to, its place in the queue is returned, and ``admitted`` told from
        another thread.

        Raises: BotError BUFFER_FULL, CLOSED, SPOOL_FAILED.
        """
        frame = frame_of(meta, json)
        size = HEAD_BYTES + len(frame[1])
        with self._lock:
            if self._has_room(size):
                self._admit(event, json, meta, frame, size, settle)
                return True
            if self._when_full != "block":
                return self._refuse()
            place = Place(event, json, meta, frame, settle, admitted)
            self._queue.append(place)
            return place

    def give_up(self, place: Place) -> None:
        """There was no room in time."""
        self.leave(place, self._full(f" for {self.block_seconds:g} s"))

    def leave(self, place: Place, error: BotError) -> None:
        """Ends waiting for room; nothing happens when it was admitted meanwhile."""
        with self._lock:
            if place not in self._queue:
                return
            self._queue.remove(place)
            # Behind a large one may be a small one that fits.
            self._admit_waiting()
        place.admitted(error)

    def _has_room(self, size: int) -> bool:
        """Raises: BotError CLOSED."""
        if self.is_closed:
            raise closed()
        return not self._queue and (self.pending_bytes + size <= self._limit_bytes or not self.pending)

    def _refuse(self) -> bool:
        if self._when_full == "error":
            raise self._full("")
        self.dropped += 1
        return False

    def _admit(
        self,
        event: dict[str, Any] | Ready,
        json: bytes,
        meta: bytes,
        frame: Frame,
        size: int,
        settle: Settle | None,
    ) -> None:
        """Raises: BotError SPOOL_FAILED."""
        if self._spool is not None:
            self._spool.append(frame)
        number = self._end
        self._end = number + 1
        self.pending += 1
        self.pending_bytes += size
        held = self._memory_bytes + size
        if self._spooled_from is None and (held <= self._window_bytes or self._spool is None):
            # Text that nobody reads any more is not handed to the other thread, to be freed there.
            kept = b"" if type(event) is Ready else json
            self._memory.append(Waiting(number, event, kept, meta, size, settle))
            self._memory_bytes = held
        else:
            if self._spooled_from is None:
                self._spooled_from = number
            if settle is not None:
                self._settles[number] = settle
        if self._taker_waits:
            self._changed.notify_all()

    def _admit_waiting(self) -> None:
        queue = self._queue
        while queue and (self.pending_bytes + queue[0].size <= self._limit_bytes or not self.pending):
            place = queue.popleft()
            error = None
            try:
                self._admit(place.event, place.json, place.meta, place.frame, place.size, place.settle)
            except BotError as failed:
                error = failed
            place.admitted(error)

    @property
    def is_ahead(self) -> bool:
        """Whether more is buffered than was taken, though it could be: who emits without a pause keeps the other thread from
        running, and all would have to be read back from the spool."""
        return self.is_wanted and len(self._memory) >= TURN_EVENTS

    def _let_take(self) -> None:
        self._others_wait += 1
        try:
            self._changed.wait(TURN_SECONDS)
        finally:
            self._others_wait -= 1

    def take(self, count: int, seconds: float) -> list[Waiting]:
        """Events to send next, in order, at most so many; waits so long for the first one."""
        with self._changed:
            if not self._memory and self._spooled_from is None and seconds > 0 and not self.is_closed:
                self._taker_waits = True
                self._changed.wait(seconds)
                self._taker_waits = False
            if not self._memory and self._spooled_from is not None:
                self._read_back()
            memory = self._memory
            taken = [memory.popleft() for _ in range(min(count, len(memory)))]
            self._memory_bytes -= sum([each.size for each in taken])
            if self._others_wait:
                self._changed.notify_all()
            return taken

    def acknowledge(self, events: Iterable[Waiting]) -> None:
        """The broker has these: their room is free."""
        sizes = [each.size for each in events]
        with self._lock:
            self.pending -= len(sizes)
            self.pending_bytes -= sum(sizes)
            if self._queue:
                self._admit_waiting()

    def passed(self, number: int, written: int) -> None:
        """All before ``number`` are acknowledged, and that all before ``written`` are is on disk."""
        with self._changed:
            self._passed = number
            if self._spool is not None:
                self._spool.forget(written)
            if self._others_wait:
                self._changed.notify_all()

    def drained(self, seconds: float) -> bool:
        """Waits until what is buffered now is acknowledged. False: it was not in time."""
        deadline = time.monotonic() + seconds
        with self._changed:
            before = self._end
            self._others_wait += 1
            try:
                while self._passed < before:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        return False
                    self._changed.wait(left)
                return True
            finally:
                self._others_wait -= 1

    def close(self) -> None:
        """Takes no more."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
            waiting = [*self._queue]
            self._queue.clear()
        for place in waiting:
            place.admitted(closed())

    def abandon(self, given: Iterable[Waiting], error: Callable[[], BotError]) -> None:
        """Ends all waiting for acknowledgements."""
        with self._changed:
            settles = [each.settle for each in (*given, *self._memory) if each.settle]
            settles.extend(self._settles.values())
            self._settles.clear()
        for settle in settles:
            settle(error())

    def _read_back(self) -> None:
        assert self._spool is not None and self._spooled_from is not None
        read = self._spool.read(self._spooled_from)
        for number, meta, json, size in read:
            settle = self._settles.pop(number, None)
            self._memory.append(Waiting(number, None, json, meta, size, settle))
            self._memory_bytes += size
        is_all = not read or read[-1].number + 1 >= self._end
        self._spooled_from = None if is_all else read[-1].number + 1

    def _full(self, how_long: str) -> BotError:
        why = "" if self.last_error is None else f": {self.last_error}"
        return BotError(
            "BUFFER_FULL",
            f"the buffer was full{how_long} ({self.pending} events, {self.pending_bytes} of {self._limit_bytes} "
            f"bytes){why}; the broker takes no events, or fewer than are emitted: see status().last_error, raise "
            "buffer_bytes, or choose when_full drop_new",
        )

    def _count_left(self, number: int) -> None:
        if self._spool is None:
            return
        while number < self._spool.end:
            read = self._spool.read(number)
            if not read:
                return
            self.pending += len(read)
            self.pending_bytes += sum(each.size for each in read)
            number = read[-1].number + 1


def closed() -> BotError:
    """Of a producer that takes no more."""
    return BotError("CLOSED", "this producer is closed; open another one to emit")

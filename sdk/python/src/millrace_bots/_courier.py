"""Takes events out of the outbox and brings them to the broker, in a thread of its own.

1. Events get their partition and sequence in the order of the outbox, so that both follow from what the spool holds.
2. The Kafka client keeps the order of a partition and sends again by itself (idempotent, acks=all, no end of tries). When it
   gives up all the same, another one is made, and what was not acknowledged is sent again, the same bytes, in order.
3. What is acknowledged is told in order.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from confluent_kafka import KafkaException, Producer

from ._contract import SENT_TOPIC, TOPIC
from ._home import Home, State, renewed
from ._limits import (
    BATCH_EVENTS,
    CLOSE_SECONDS,
    IN_FLIGHT_EVENTS,
    METADATA_SECONDS,
    REQUEST_SECONDS,
    RETRY_MAX_SECONDS,
    RETRY_SECONDS,
    SENT_EVERY_SECONDS,
)
from ._outbox import Outbox, Waiting
from ._quick import Ready
from ._record import Headers, avro_value, headers_of, key_of, murmur2, partition_of
from ._registry import RegistryError, schema_ids
from .errors import BotError

_IDLE_SECONDS = 0.05
_POLL_SECONDS = 0.005
_FRAMING = b"\0"
_HASHES_MAX = 10_000
#: Events of one partition that the client has, and what it calls for each.
Lane = tuple["deque[Waiting]", "Callable[[Any, Any], None]"]


class Courier:
    """See the head of this file."""

    def __init__(
        self,
        outbox: Outbox,
        home: Home,
        client: Mapping[str, Any],
        registry_url: str,
        topic_prefix: str,
    ) -> None:
        self._outbox = outbox
        self._home = home
        self._client = dict(client)
        self._registry_url = registry_url
        self._prefix = topic_prefix
        self._topic = topic_prefix + TOPIC
        self._state = home.state
        self._sequences = list(home.state.sequences)
        self._acknowledged = list(home.state.sequences)
        self._next = home.state.next
        self._framing: dict[str, bytes] = {}
        self._producer: Producer | None = None
        #: Given to the client, in order; the front leaves once it is acknowledged.
        self._given: deque[Waiting] = deque()
        #: The same by partition.
        self._lanes: dict[int, Lane] = {}
        self._hashes: dict[str, int] = {}
        self._newly: list[Waiting] = []
        self._failure: str | None = None
        self._said = (time.monotonic(), -1)
        self._stop = threading.Event()
        self.confirmed = 0
        self._thread = threading.Thread(target=self._run, name="millrace-bots", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, error: Callable[[], BotError]) -> None:
        """Ends at once. Events that are not acknowledged stay in the spool."""
        self._stop.set()
        self._outbox.close()
        self._thread.join(CLOSE_SECONDS)
        self._outbox.abandon(list(self._given), error)

    def _run(self) -> None:
        try:
            self._deliver()
        except Exception as error:  # whatever it is, it must not end unseen
            self._outbox.is_wanted = False
            self._outbox.last_error = (
                f"nothing is sent any more: {error!r}; open the producer again"
            )
            return
        self._home.progressed(self._progress(), at_once=True)

    def _deliver(self) -> None:
        """Until it is closed."""
        while not self._stop.is_set():
            if self._producer is None and not self._is_ready():
                continue
            assert self._producer is not None
            room = IN_FLIGHT_EVENTS - len(self._given)
            self._outbox.is_wanted = room > 0
            idle = 0.0 if self._given else _IDLE_SECONDS
            taken = self._outbox.take(min(room, BATCH_EVENTS), idle) if room > 0 else []
            self._place(taken)
            self._given.extend(taken)
            try:
                self._produce(taken)
            except (BufferError, KafkaException) as error:
                self._failure = str(error)
            self._producer.poll(0 if taken else _POLL_SECONDS if self._given else 0)
            self._settle()
            if self._failure is not None:
                self._begin_again()
            elif time.monotonic() - self._said[0] > SENT_EVERY_SECONDS:
                self._say_sent()
        if self._producer is not None:
            self._say_sent()
            self._producer.flush(0.5 if not self._given else 0.05)
            self._settle()
            self._producer.purge()
            self._producer.poll(0)
            self._settle()

    def _is_ready(self) -> bool:
        """A client, the schemas' ids and the number of partitions. False: one of them is away."""
        try:
            producer = Producer(
                {
                    "acks": "all",
                    "enable.idempotence": True,
                    "message.timeout.ms": 0,
                    "linger.ms": 2,
                    "batch.size": 512 * 1024,
                    "queue.buffering.max.messages": 10 * IN_FLIGHT_EVENTS,
                    "socket.keepalive.enable": True,
                    "reconnect.backoff.max.ms": 1000,
                    "error_cb": self._on_error,
                    **self._client,
                }
            )
            found = producer.list_topics(self._topic, timeout=METADATA_SECONDS).topics[self._topic]
            if found.error is not None or not found.partitions:
                raise KafkaException(found.error)
            self._take_up(len(found.partitions))
            if not self._framing:
                ids = schema_ids(self._registry_url, self._prefix)
                self._framing = {
                    name: _FRAMING + number.to_bytes(4, "big") for name, number in ids.items()
                }
        except (KafkaException, RegistryError, OSError) as error:
            self._outbox.last_error = str(error)
            self._pause()
            return False
        self._producer = producer
        self._outbox.last_error = None
        self._retry_seconds = RETRY_SECONDS
        self._produce([each for each in self._given if not each.acknowledged])
        return True

    def _take_up(self, partitions: int) -> None:
        known = self._state.partitions
        if known == partitions:
            return
        if known is None:
            state = replace(self._state, partitions=partitions, sequences=(0,) * partitions)
        else:
            state = renewed(replace(self._state, next=self._next), partitions)
        self._home.progressed(replace(state, next=self._next), at_once=True)
        self._state = state
        self._sequences = [0] * partitions
        self._acknowledged = [0] * partitions
        self._place(self._given)

    def _place(self, some: Iterable[Waiting]) -> None:
        """Gives each its partition, and its number there."""
        partitions = self._state.partitions
        assert partitions is not None
        sequences = self._sequences
        for waiting in some:
            event = waiting.event
            if type(event) is Ready:
                key_hash = self._hash_of(event.correlation_id) if event.hash is None else event.hash
            else:
                key_hash = self._hash_of(key_of(waiting.parsed()))
            waiting.partition = partition = (key_hash & 0x7FFFFFFF) % partitions
            waiting.sequence = sequences[partition] = sequences[partition] + 1

    def _long_record(self, waiting: Waiting) -> tuple[str, bytes, Headers]:
        """Key, value and headers of an event that is not encoded yet."""
        event = waiting.parsed()
        traceparent = json.loads(waiting.meta).get("traceparent") if len(waiting.meta) > 2 else None
        value = self._framing[event["event_type"]] + avro_value(event, traceparent)
        return key_of(event), value, headers_of(event, self._state.producer, waiting.sequence, traceparent)

    def _hash_of(self, key: str) -> int:
        """Events of a chain come one after the other."""
        known = self._hashes.get(key)
        if known is None:
            if len(self._hashes) >= _HASHES_MAX:
                self._hashes.clear()
            known = self._hashes[key] = murmur2(key.encode())
        return known

    def _produce(self, some: Iterable[Waiting]) -> None:
        """Raises: BufferError, KafkaException; what comes after is then not given to the client."""
        assert self._producer is not None
        produce = self._producer.produce
        topic = self._topic
        lanes = self._lanes
        framing = self._framing
        producer = self._state.producer
        for waiting in some:
            event = waiting.event
            partition = waiting.partition
            headers: Headers
            if type(event) is not Ready:
                key, value, headers = self._long_record(waiting)
            else:
                own, event_type, key, cause, _, body = event
                value = framing[event_type] + body
                # As ``headers_of`` has them.
                headers = {"event_id": own, "event_type": event_type, "family": "BOT", "correlation_id": key}
                if cause is not None:
                    headers["causation_id"] = cause
                headers["priority"] = "normal"
                headers["producer_id"] = producer
                headers["producer_sequence"] = str(waiting.sequence)
            lane = lanes.get(partition)
            if lane is None:
                lane = lanes[partition] = self._lane()
            queue, on_delivery = lane
            queue.append(waiting)
            # By place: names cost a tenth of the call. None: no second callback, 0: no timestamp of ours.
            produce(topic, value, key, partition, on_delivery, None, 0, headers)

    def _lane(self) -> Lane:
        """What was given to the client for one partition, in order: it is acknowledged in that order."""
        queue: deque[Waiting] = deque()
        next_one = queue.popleft
        newly = self._newly.append

        def on_delivery(error: Any, _message: Any) -> None:
            if error is None and self._failure is None:
                waiting = next_one()
                waiting.acknowledged = True
                newly(waiting)
            elif error is not None:
                self._failure = self._failure or str(error)

        return queue, on_delivery

    def _on_error(self, error: Any) -> None:
        self._outbox.last_error = str(error)

    def _settle(self) -> None:
        newly = self._newly[:]
        if not newly:
            return
        self._newly.clear()
        self.confirmed += len(newly)
        self._outbox.last_error = None
        self._outbox.acknowledge(newly)
        given = self._given
        next_given = given.popleft
        acknowledged = self._acknowledged
        first = None
        while given and given[0].acknowledged:
            first = next_given()
            acknowledged[first.partition] = first.sequence
        if first is not None:
            self._next = first.number + 1
        self._home.progressed(self._progress())
        self._outbox.passed(self._next, self._home.written_next)
        for each in newly:
            if each.settle is not None:
                each.settle(None)

    def _progress(self) -> State:
        return replace(self._state, next=self._next, sequences=tuple(self._acknowledged))

    def _begin_again(self) -> None:
        """The client gave up on an event: it is left, and another one sends all that was not acknowledged."""
        assert self._producer is not None
        reason = self._failure
        self._producer.purge()
        self._producer.flush(REQUEST_SECONDS)
        self._settle()
        self._producer = None
        self._outbox.is_wanted = False
        self._failure = None
        self._lanes.clear()
        self._outbox.last_error = reason
        self._pause()

    _retry_seconds = RETRY_SECONDS

    def _pause(self) -> None:
        self._stop.wait(self._retry_seconds)
        self._retry_seconds = min(2 * self._retry_seconds, RETRY_MAX_SECONDS)

    def _say_sent(self) -> None:
        """Tells the server what was acknowledged, so that a loss at the very end is seen too. Nothing depends on it here."""
        at, said = self._said
        state = self._progress()
        if self._producer is None or state.partitions is None or said == state.next:
            return
        self._said = (time.monotonic(), state.next)
        key = f"{state.producer}/{TOPIC}"
        value = {"producer_id": state.producer, "topic": TOPIC, "sent": state.sequences}
        try:
            self._producer.produce(
                self._prefix + SENT_TOPIC,
                json.dumps(value, separators=(",", ":")).encode(),
                key.encode(),
                partition_of(key, state.partitions),
            )
        except (BufferError, KafkaException):
            pass

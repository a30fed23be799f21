"""The producer for threads; ``aio`` has the one for asyncio."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, overload

from ._check import envelope_problem
from ._courier import Courier
from ._event import emitted_of, event_of, json_of
from ._home import Home
from ._limits import BLOCK_SECONDS, FLUSH_SECONDS, MEMORY_BYTES, SPOOL_BYTES, WINDOW_BYTES
from ._outbox import Outbox, WhenFull, closed
from ._quick import Follows, Quick, Ready, follows_of
from ._trace import trace_source
from .errors import BotError
from .events import (
    BotEventType,
    EmitOptions,
    Emitted,
    Identity,
    OrderCancelled,
    OrderCreated,
    OrderFailed,
    OrderFilled,
    Payload,
    RiskDecision,
    StateSnapshot,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

_NO_META = b"{}"
_NO_OPTIONS = (None, None, None, None)
#: What a chain follows, and the same in usual form; False: it is not.
ChainStart = tuple["tuple[str, str] | None", "Follows | bool | None"]
#: An event, its JSON, what goes with it in the spool, and what the caller gets.
Made = tuple["dict[str, Any] | Ready", bytes, bytes, Emitted]
_PRODUCER_ID_MAX = 100


@dataclass(frozen=True)
class Status:
    """How a producer is doing."""

    producer_id: str
    incarnation: int
    #: Events buffered and not acknowledged.
    pending: int
    pending_bytes: int
    #: Events acknowledged since the start.
    confirmed: int
    #: Events that ``drop_new`` let go.
    dropped: int
    #: Bytes of the spool that were found damaged at the start, and put aside there.
    damaged_bytes: int
    #: Why nothing moves; None: nothing is known to be wrong.
    last_error: str | None


class Core:
    """What the producers for threads and for asyncio share."""

    def __init__(
        self,
        identity: Identity,
        *,
        brokers: str,
        registry_url: str,
        spool_folder: str | PathLike[str] | None,
        producer_id: str | None = None,
        when_full: WhenFull = "block",
        buffer_bytes: int | None = None,
        block_seconds: float = BLOCK_SECONDS,
        topic_prefix: str = "",
        client: Mapping[str, Any] | None = None,
    ) -> None:
        own_id = producer_id or f"{identity.producer}.{identity.instance_name}"
        _check_options(identity, own_id, brokers, registry_url)
        self.identity = identity
        self.home = Home(None if spool_folder is None else Path(spool_folder), own_id)
        spool = self.home.spool
        default_bytes = MEMORY_BYTES if spool is None else SPOOL_BYTES
        self.outbox = Outbox(
            spool,
            default_bytes if buffer_bytes is None else buffer_bytes,
            WINDOW_BYTES,
            when_full,
            block_seconds,
            self.home.state.next,
        )
        options = {"bootstrap.servers": brokers, "client.id": own_id, **(client or {})}
        self.courier = Courier(self.outbox, self.home, options, registry_url, topic_prefix)
        self._traceparent = trace_source()
        self._quick = Quick(identity)
        self._is_closed = False
        self.courier.start()

    def quickly(
        self, event_type: str, payload: Payload, follows: Follows | bool | None
    ) -> tuple[Ready, bytes, Emitted] | None:
        """The short way of an event without options; None: it has to go the long one."""
        if self._is_closed or self._traceparent() is not None or isinstance(follows, bool):
            return None
        return self._quick.made(event_type, payload, follows)

    def made(
        self,
        event_type: str,
        payload: Payload,
        chain: ChainStart,
        options: tuple[str | None, str | None, str | None, str | None],
        traceparent: str | None,
    ) -> Made:
        """The event of one emit; ``options``: event_id, ts_utc, connector_name, trading_pair.

        Raises: BotError INVALID_EVENT, CLOSED.
        """
        if self._is_closed:
            raise closed()
        if traceparent is None:
            traceparent = self._traceparent()
        upstream, follows = chain
        if traceparent is None and options == _NO_OPTIONS:
            found = self.quickly(event_type, payload, follows)
            if found is not None:
                ready, text, emitted = found
                return ready, text, _NO_META, emitted
        event = event_of(self.identity, event_type, payload, upstream, *options)
        meta = (
            _NO_META
            if traceparent is None
            else json.dumps({"traceparent": traceparent}, separators=(",", ":")).encode()
        )
        return event, json_of(event), meta, emitted_of(event)

    def close(self, seconds: float) -> int:
        """Flushes, ends; how many events are not acknowledged."""
        if self._is_closed:
            return self.outbox.pending
        self._is_closed = True
        self.outbox.drained(seconds)
        why = self.outbox.last_error
        self.courier.close(lambda: _not_confirmed(why, self.home.spool is not None))
        self.home.close()
        return self.outbox.pending

    def status(self) -> Status:
        return Status(
            self.home.state.producer_id,
            self.home.state.incarnation,
            self.outbox.pending,
            self.outbox.pending_bytes,
            self.courier.confirmed,
            self.outbox.dropped,
            self.home.damaged_bytes,
            self.outbox.last_error,
        )


class Chain:
    """Emits events: the first of a chain, or those that follow an event."""

    def __init__(self, core: Core, upstream: tuple[str, str] | None) -> None:
        self._core = core
        self._follows = follows_of(upstream)
        self._chain: ChainStart = (upstream, self._follows)

    @overload
    def emit(
        self, event_type: Literal["order_created"], payload: OrderCreated, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    def emit(
        self, event_type: Literal["order_cancelled"], payload: OrderCancelled, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    def emit(
        self, event_type: Literal["order_failed"], payload: OrderFailed, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    def emit(
        self, event_type: Literal["order_filled"], payload: OrderFilled, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    def emit(
        self, event_type: Literal["risk_decision"], payload: RiskDecision, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    def emit(
        self, event_type: Literal["state_snapshot"], payload: StateSnapshot, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    def emit(
        self,
        event_type: BotEventType,
        payload: Payload,
        *,
        event_id: str | None = None,
        ts_utc: str | None = None,
        connector_name: str | None = None,
        trading_pair: str | None = None,
        traceparent: str | None = None,
    ) -> Emitted:
        """Returns when the broker has acknowledged the event.

        Raises: BotError INVALID_EVENT, BUFFER_FULL, CLOSED, SPOOL_FAILED: nothing was buffered; NOT_CONFIRMED.
        """
        event, json, meta, emitted = self._core.made(
            event_type, payload, self._chain,
            (event_id, ts_utc, connector_name, trading_pair), traceparent,
        )  # fmt: skip
        done = Event()
        outcome: list[BotError | None] = []

        def settle(error: BotError | None) -> None:
            outcome.append(error)
            done.set()

        if not self._core.outbox.put(event, json, meta, settle):
            raise dropped(event_type)
        done.wait()
        if outcome[0] is not None:
            raise outcome[0]
        return emitted

    @overload
    def emit_nowait(
        self, event_type: Literal["order_created"], payload: OrderCreated, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    def emit_nowait(
        self, event_type: Literal["order_cancelled"], payload: OrderCancelled, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    def emit_nowait(
        self, event_type: Literal["order_failed"], payload: OrderFailed, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    def emit_nowait(
        self, event_type: Literal["order_filled"], payload: OrderFilled, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    def emit_nowait(
        self, event_type: Literal["risk_decision"], payload: RiskDecision, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    def emit_nowait(
        self, event_type: Literal["state_snapshot"], payload: StateSnapshot, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    def emit_nowait(
        self,
        event_type: BotEventType,
        payload: Payload,
        *,
        event_id: str | None = None,
        ts_utc: str | None = None,
        connector_name: str | None = None,
        trading_pair: str | None = None,
        traceparent: str | None = None,
    ) -> Emitted | None:
        """Returns when the event is buffered: with a spool it then outlives this process. None: dropped by ``drop_new``.

        Raises: BotError INVALID_EVENT, BUFFER_FULL, CLOSED, SPOOL_FAILED: nothing was buffered.
        """
        core = self._core
        # As calls mostly are; the same as below.
        if event_id is ts_utc is connector_name is trading_pair is traceparent is None:
            found = core.quickly(event_type, payload, self._follows)
            if found is not None:
                return found[2] if core.outbox.put(found[0], found[1], _NO_META) else None
        event, json, meta, emitted = core.made(
            event_type, payload, self._chain,
            (event_id, ts_utc, connector_name, trading_pair), traceparent,
        )  # fmt: skip
        return emitted if core.outbox.put(event, json, meta) else None


class BotProducer(Chain):
    """Emits the six events of a bot to Millrace: checked by the server's own rules, numbered, kept on disk until the broker
    has them, delivered in order, known again when they are sent twice.

    ``spool_folder``: a folder of this producer's own, which outlives the process; None: buffered events die with it.
    ``producer_id``: under which the server counts, the same after a restart; default ``<producer>.<instance_name>``.
    ``buffer_bytes``: of events not acknowledged; default 256 MiB with a spool, 32 MiB without.
    ``client``: further options of confluent-kafka, such as TLS and SASL.

    Open it after a fork, not before. Neither broker nor registry need be there. Source: S-43, K-11; PROTOCOL J7a.

    Raises: BotError INVALID_OPTION, SPOOL_IN_USE, SPOOL_FAILED.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        brokers: str,
        registry_url: str,
        spool_folder: str | PathLike[str] | None,
        producer_id: str | None = None,
        when_full: WhenFull = "block",
        buffer_bytes: int | None = None,
        block_seconds: float = BLOCK_SECONDS,
        topic_prefix: str = "",
        client: Mapping[str, Any] | None = None,
    ) -> None:
        core = Core(
            identity,
            brokers=brokers,
            registry_url=registry_url,
            spool_folder=spool_folder,
            producer_id=producer_id,
            when_full=when_full,
            buffer_bytes=buffer_bytes,
            block_seconds=block_seconds,
            topic_prefix=topic_prefix,
            client=client,
        )
        super().__init__(core, None)

    @overload
    def child(self, upstream: Emitted) -> Chain: ...
    @overload
    def child(self, upstream: Mapping[str, Any]) -> Chain: ...
    def child(self, upstream: Emitted | Mapping[str, Any]) -> Chain:
        """Emits events that follow ``upstream``: with its correlation_id, and its event_id as their cause.

        Raises: BotError NO_UPSTREAM. Source: S-16.
        """
        return Chain(self._core, upstream_of(upstream))

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Returns when all that was buffered before is acknowledged. Raises: BotError NOT_FLUSHED."""
        if not self._core.outbox.drained(seconds):
            raise not_flushed(self._core, seconds)

    def close(self, seconds: float = FLUSH_SECONDS) -> int:
        """Flushes for at most ``seconds``, then ends. Returns how many events the broker has not acknowledged: with a spool
        they are in it, and the next start sends them."""
        return self._core.close(seconds)

    def status(self) -> Status:
        return self._core.status()

    def __enter__(self) -> BotProducer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def upstream_of(upstream: Emitted | Mapping[str, Any]) -> tuple[str, str]:
    """The event_id and correlation_id of what is followed. Raises: BotError NO_UPSTREAM."""
    if isinstance(upstream, Emitted):
        return upstream.event_id, upstream.correlation_id
    given = upstream if isinstance(upstream, Mapping) else {}
    event_id, correlation_id = given.get("event_id"), given.get("correlation_id")
    if isinstance(event_id, str) and event_id and isinstance(correlation_id, str) and correlation_id:
        return event_id, correlation_id
    raise BotError(
        "NO_UPSTREAM",
        f"child() was given no event to follow: event_id is {event_id}, correlation_id is {correlation_id}; pass the event "
        "that it follows, or begin a chain with emit()",
    )


def not_flushed(core: Core, seconds: float) -> BotError:
    why = core.outbox.last_error
    reason = "" if why is None else f" ({why})"
    return BotError(
        "NOT_FLUSHED",
        f"{core.outbox.pending} events are not acknowledged after {seconds:g} s{reason}; they are still being sent",
    )


def dropped(event_type: str) -> BotError:
    return BotError(
        "BUFFER_FULL",
        f"{event_type} was dropped: the buffer is full; it counts in status().dropped",
    )


def _not_confirmed(why: str | None, has_spool: bool) -> BotError:
    reason = "" if why is None else f" ({why})"
    after = (
        "it is in the spool, and the next start sends it"
        if has_spool
        else "it may be lost: give a spool_folder"
    )
    return BotError(
        "NOT_CONFIRMED", f"closed before the broker acknowledged the event{reason}; {after}"
    )


def _check_options(identity: Identity, producer_id: str, brokers: str, registry_url: str) -> None:
    sample = {
        **vars(identity),
        "event_id": "00000000-0000-4000-8000-000000000000",
        "event_type": "state_snapshot",
        "event_version": "v1",
        "ts_utc": "2026-01-01T00:00:00Z",
        "correlation_id": "00000000-0000-4000-8000-000000000000",
        "payload": {},
    }
    problem = envelope_problem(sample)
    if problem is not None:
        raise BotError("INVALID_OPTION", f"BotProducer: {problem.message}", problem)
    if not 1 <= len(producer_id) <= _PRODUCER_ID_MAX or "/" in producer_id:
        raise BotError(
            "INVALID_OPTION",
            f"BotProducer: producer_id {producer_id!r} is not 1 to 100 characters without a slash; give another",
        )
    if not brokers or not registry_url:
        raise BotError("INVALID_OPTION", "BotProducer: give brokers and registry_url, none is empty")

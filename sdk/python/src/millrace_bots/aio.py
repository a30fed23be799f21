"""The producer for asyncio: the promises of ``BotProducer``, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, overload

from ._limits import BLOCK_SECONDS, FLUSH_SECONDS, TURN_SECONDS
from ._outbox import Place, WhenFull, closed
from ._quick import follows_of
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
from .producer import ChainStart, Core, Made, Status, dropped, not_flushed, upstream_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncChain:
    """Emits events: the first of a chain, or those that follow an event."""

    def __init__(self, core: Core, upstream: tuple[str, str] | None) -> None:
        self._core = core
        self._chain: ChainStart = (upstream, follows_of(upstream))

    @overload
    async def emit(
        self, event_type: Literal["order_created"], payload: OrderCreated, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    async def emit(
        self, event_type: Literal["order_cancelled"], payload: OrderCancelled, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    async def emit(
        self, event_type: Literal["order_failed"], payload: OrderFailed, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    async def emit(
        self, event_type: Literal["order_filled"], payload: OrderFilled, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    async def emit(
        self, event_type: Literal["risk_decision"], payload: RiskDecision, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    @overload
    async def emit(
        self, event_type: Literal["state_snapshot"], payload: StateSnapshot, **options: Unpack[EmitOptions]
    ) -> Emitted: ...
    async def emit(
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
        """Returns when the broker has acknowledged the event. Raises: as ``BotProducer.emit``."""
        made = self._core.made(
            event_type, payload, self._chain,
            (event_id, ts_utc, connector_name, trading_pair), traceparent,
        )  # fmt: skip
        told = _Told()
        if not await self._put(made, told):
            raise dropped(event_type)
        await told.future
        return made[3]

    @overload
    async def emit_nowait(
        self, event_type: Literal["order_created"], payload: OrderCreated, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    async def emit_nowait(
        self, event_type: Literal["order_cancelled"], payload: OrderCancelled, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    async def emit_nowait(
        self, event_type: Literal["order_failed"], payload: OrderFailed, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    async def emit_nowait(
        self, event_type: Literal["order_filled"], payload: OrderFilled, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    async def emit_nowait(
        self, event_type: Literal["risk_decision"], payload: RiskDecision, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    @overload
    async def emit_nowait(
        self, event_type: Literal["state_snapshot"], payload: StateSnapshot, **options: Unpack[EmitOptions]
    ) -> Emitted | None: ...
    async def emit_nowait(
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
        """Returns when the event is buffered; None: dropped by ``drop_new``. Raises: as ``BotProducer.emit_nowait``."""
        made = self._core.made(
            event_type, payload, self._chain,
            (event_id, ts_utc, connector_name, trading_pair), traceparent,
        )  # fmt: skip
        return made[3] if await self._put(made, None) else None

    async def _put(self, made: Made, settle: _Told | None) -> bool:
        event, json, meta, _ = made
        outbox = self._core.outbox
        room = _Told()
        taken = outbox.offer(event, json, meta, settle, room)
        if not isinstance(taken, Place):
            if taken and outbox.is_ahead:
                await asyncio.sleep(TURN_SECONDS / 10)
            return taken
        limit = asyncio.get_running_loop().call_later(outbox.block_seconds, outbox.give_up, taken)
        try:
            await room.future
        except asyncio.CancelledError:
            outbox.leave(taken, closed())
            raise
        finally:
            limit.cancel()
        return True


class _Told:
    """What another thread says to a task, once; the task, or its loop, may have ended by then."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()

    def __call__(self, error: BotError | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._finish, error)

    def _finish(self, error: BotError | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class AsyncBotProducer(AsyncChain):
    """``BotProducer`` for asyncio; the arguments are the same."""

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

    def child(self, upstream: Emitted | Mapping[str, Any]) -> AsyncChain:
        """Emits events that follow ``upstream``. Raises: BotError NO_UPSTREAM."""
        return AsyncChain(self._core, upstream_of(upstream))

    async def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Returns when all that was buffered before is acknowledged. Raises: BotError NOT_FLUSHED."""
        if not await asyncio.to_thread(self._core.outbox.drained, seconds):
            raise not_flushed(self._core, seconds)

    async def close(self, seconds: float = FLUSH_SECONDS) -> int:
        """As ``BotProducer.close``."""
        return await asyncio.to_thread(self._core.close, seconds)

    def status(self) -> Status:
        return self._core.status()

    async def __aenter__(self) -> AsyncBotProducer:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

"""The producer for asyncio: the promises of ``BotProducer``, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from os import PathLike
from typing import Any

from ._limits import BLOCK_SECONDS, FLUSH_SECONDS, TURN_SECONDS
from ._outbox import WhenFull
from ._quick import follows_of
from .errors import BotError
from .events import BotEventType, Emitted, Identity, Payload
from .producer import ChainStart, Core, Made, Status, dropped, not_flushed, upstream_of


class AsyncChain:
    """Emits events: the first of a chain, or those that follow an event."""

    def __init__(self, core: Core, upstream: tuple[str, str] | None) -> None:
        self._core = core
        self._chain: ChainStart = (upstream, follows_of(upstream))

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
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def finish(error: BotError | None) -> None:
            if done.done():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        def settle(error: BotError | None) -> None:
            loop.call_soon_threadsafe(finish, error)

        if not await self._put(made, settle):
            raise dropped(event_type)
        await done
        return made[3]

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

    async def _put(self, made: Made, settle: Any) -> bool:
        event, json, meta, _ = made
        put = self._core.outbox.put
        taken = put(event, json, meta, settle, may_wait=False)
        if taken is not None:
            if self._core.outbox.is_ahead:
                await asyncio.sleep(TURN_SECONDS / 10)
            return taken
        # Only a full buffer costs a thread.
        return bool(await asyncio.to_thread(put, event, json, meta, settle))


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

"""Calls that a type checker takes, and others that it must not: an ``ignore`` where nothing is wrong is an error (mypy strict)."""

from decimal import Decimal

from millrace_bots import AsyncBotProducer, BotProducer, Emitted, OrderCreated


class Created(OrderCreated):
    exchange_order_id: str


def takes(bot: BotProducer) -> Emitted | None:
    root = bot.emit("risk_decision", {"approved": True, "decision": "allow", "reason": "ok"}, ts_utc="2026-01-02T03:04:05Z")
    own: Created = {
        "client_order_id": "c-1",
        "side": "buy",
        "order_type": "market",
        "amount_base": Decimal("0.1"),
        "is_live": False,
        "exchange_order_id": "e-1",
    }
    return bot.child(root).emit_nowait("order_created", own, trading_pair="ETH-USDT")


def refuses(bot: BotProducer) -> None:
    bot.emit("order_updated", {"client_order_id": "c-1"})  # type: ignore[call-overload]
    bot.emit("order_cancelled", {"reason": "no id"})  # type: ignore[call-overload]
    bot.emit("risk_decision", {"state": "running"})  # type: ignore[call-overload]
    bot.emit_nowait("state_snapshot", {"state": "stopped"})  # type: ignore[call-overload]
    bot.child({}).emit("state_snapshot", {"state": "running"}, ts=1)  # type: ignore[call-overload]


async def refuses_awaited(bot: AsyncBotProducer) -> None:
    await bot.emit("order_failed", {"error_code": "1"})  # type: ignore[call-overload]
    await bot.emit_nowait("state_snapshot", {"state": 1})  # type: ignore[call-overload]

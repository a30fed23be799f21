"""Turns what a Hummingbot-style strategy is told of its orders into bot events. Source: S-40.

========================================================  ==================
native record (by the name of its class)                  event
========================================================  ==================
``BuyOrderCreatedEvent``, ``SellOrderCreatedEvent``       ``order_created``
``OrderCancelledEvent``                                   ``order_cancelled``
``MarketOrderFailureEvent``                               ``order_failed``
``OrderFilledEvent``                                      ``order_filled``
========================================================  ==================

Every other record is refused with ``NOT_MAPPED``: that an order is completed, say, follows from its fills. Risk decisions and
state snapshots are no native records; a strategy emits them itself. Nothing of Hummingbot is imported: records are read by
their attributes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, Final

from .events import BotEventType, Emitted
from .producer import BotProducer, upstream_of

#: Orders whose chain is remembered; of an order not heard of for longer, a new chain begins.
ORDERS_MAX: Final = 10_000
_PAPER: Final = "paper_trade"
_ORDER_TYPES: Final = {"LIMIT": "limit", "MARKET": "market", "LIMIT_MAKER": "limit_maker"}
#: A limit order may have been either.
_LIQUIDITY: Final = {"LIMIT_MAKER": "maker", "MARKET": "taker"}

Payload = dict[str, Any]
Mapped = tuple[BotEventType, Payload]


class NotMappedError(Exception):
    """A native record that is none of the six events, or lacks what its event needs."""

    code = "NOT_MAPPED"


def map_record(record: Any, connector_name: str) -> Mapped:
    """The event type and the payload of a native record. Raises: NotMappedError."""
    name = type(record).__name__
    mapper = _MAPPERS.get(name)
    if mapper is None:
        known = ", ".join(_MAPPERS)
        raise NotMappedError(f"{name} is mapped to no event; mapped are {known}")
    try:
        return mapper(record, connector_name)
    except (AttributeError, KeyError) as error:
        raise NotMappedError(f"{name} is not as expected: {error!r}") from error


class OrderLogger:
    """Emits an event for each native record; what belongs to one order is one chain.

    Order: call it from the strategy's ``did_create_buy_order``, ``did_fill_order``, … with the record they are given.
    Limits: the chains of the last 10,000 orders.
    """

    def __init__(self, bot: BotProducer, connector_name: str) -> None:
        self._bot = bot
        self._connector_name = connector_name
        self._last: OrderedDict[str, Emitted] = OrderedDict()

    def log(self, record: Any, upstream: Emitted | Mapping[str, Any] | None = None) -> Emitted | None:
        """Buffers the record's event. ``upstream``: what led to the order, such as a risk decision; without it the order's
        last event. None: dropped by ``drop_new``.

        Raises: NotMappedError; BotError as ``BotProducer.emit_nowait``.
        """
        event_type, payload = map_record(record, self._connector_name)
        order_id: str = payload["client_order_id"]
        followed = self._last.get(order_id) if upstream is None else upstream
        if followed is not None:
            upstream_of(followed)
        emitter = self._bot if followed is None else self._bot.child(followed)
        # The payload's type follows from the record, which no checker knows.
        emit_nowait: Callable[..., Emitted | None] = emitter.emit_nowait
        emitted = emit_nowait(
            event_type,
            payload,
            ts_utc=_time_of(record),
            connector_name=self._connector_name,
            trading_pair=getattr(record, "trading_pair", None),
        )
        if emitted is not None:
            self._last[order_id] = emitted
            self._last.move_to_end(order_id)
            if len(self._last) > ORDERS_MAX:
                self._last.popitem(last=False)
        return emitted


def _created(side: str) -> Callable[[Any, str], Mapped]:
    def mapped(record: Any, connector_name: str) -> Mapped:
        order_type = _ORDER_TYPES[_name_of(record.type)]
        payload: Payload = {
            "client_order_id": record.order_id,
            "side": side,
            "order_type": order_type,
            "price": _number(record.price),
            "amount_base": _number(record.amount),
            "is_live": not connector_name.endswith(_PAPER),
            **_others(record, "exchange_order_id", "leverage", "position"),
        }
        if payload["price"] is None:
            del payload["price"]
        return "order_created", payload

    return mapped


def _cancelled(record: Any, _: str) -> Mapped:
    return "order_cancelled", {
        "client_order_id": record.order_id,
        **_others(record, "exchange_order_id"),
    }


def _failed(record: Any, _: str) -> Mapped:
    payload: Payload = {
        "client_order_id": record.order_id,
        # Older versions tell no reason.
        "error_message": getattr(record, "error_message", None) or "",
        "failure_stage": "create",
        **_others(record, "order_type"),
    }
    error_type = getattr(record, "error_type", None)
    if error_type:
        payload["error_code"] = str(error_type)
    return "order_failed", payload


def _filled(record: Any, _: str) -> Mapped:
    price, amount = Decimal(str(record.price)), Decimal(str(record.amount))
    asset, fee = _fee_of(record, price * amount)
    payload: Payload = {
        "client_order_id": record.order_id,
        "fill_price": _number(price),
        "fill_qty_base": _number(amount),
        "fill_qty_quote": _number(price * amount),
        "fee_asset": asset,
        "fee_amount": _number(fee),
        "liquidity_side": _LIQUIDITY.get(_name_of(record.order_type), "unknown"),
        **_others(record, "exchange_order_id", "trade_type", "leverage", "position"),
    }
    fill_id = getattr(record, "exchange_trade_id", "")
    if fill_id:
        payload["fill_id"] = fill_id
    return "order_filled", payload


def _fee_of(record: Any, quote_amount: Decimal) -> tuple[str, Decimal]:
    """Asset and amount: flat fees of one asset as they are, else the percentage of what was paid."""
    fee = record.trade_fee
    quote = record.trading_pair.split("-")[-1]
    flat = [(each.token, Decimal(str(each.amount))) for each in getattr(fee, "flat_fees", [])]
    percent = Decimal(str(getattr(fee, "percent", 0)))
    percent_token = getattr(fee, "percent_token", None) or quote
    if not flat:
        return percent_token, percent * quote_amount
    asset = flat[0][0]
    if any(token != asset for token, _ in flat) or (percent and percent_token != asset):
        raise AttributeError(f"fees in several assets, {[token for token, _ in flat]}")
    total = sum((amount for _, amount in flat), Decimal(0))
    if percent and asset != quote:
        raise AttributeError(f"a percentage in {asset}, with a price in {quote}")
    return asset, total + (percent * quote_amount if percent else 0)


def _number(value: Any) -> Any:
    """A decimal without an exponent; None for the NaN that stands for no price."""
    number = Decimal(str(value))
    return format(number, "f") if number.is_finite() else None


def _name_of(value: Any) -> str:
    return str(getattr(value, "name", value)).upper()


def _others(record: Any, *names: str) -> Payload:
    """What the event has no field for is kept under its own name."""
    found = {name: getattr(record, name, None) for name in names}
    return {
        name: value if isinstance(value, (str, int)) and not hasattr(value, "name") else _name_of(value)
        for name, value in found.items()
        if value is not None and value != ""
    }


def _time_of(record: Any) -> str | None:
    timestamp = getattr(record, "timestamp", None)
    if timestamp is None:
        return None
    at = datetime.fromtimestamp(float(timestamp), timezone.utc)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


_MAPPERS: Final[dict[str, Callable[[Any, str], Mapped]]] = {
    "BuyOrderCreatedEvent": _created("buy"),
    "SellOrderCreatedEvent": _created("sell"),
    "OrderCancelledEvent": _cancelled,
    "MarketOrderFailureEvent": _failed,
    "OrderFilledEvent": _filled,
}

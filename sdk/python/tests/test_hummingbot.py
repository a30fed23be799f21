"""The mapping of native records. The classes have the fields of Hummingbot's own."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

import pytest
from millrace_bots import BotProducer
from millrace_bots._check import payload_problem
from millrace_bots.hummingbot import NotMappedError, OrderLogger, map_record

OrderType = Enum("OrderType", "MARKET LIMIT LIMIT_MAKER AMM_SWAP")
TradeType = Enum("TradeType", "BUY SELL RANGE")
PositionAction = Enum("PositionAction", "OPEN CLOSE NIL")


@dataclass
class TokenAmount:
    token: str
    amount: Decimal


@dataclass
class TradeFee:
    percent: Decimal = Decimal(0)
    percent_token: "str | None" = None
    flat_fees: list = field(default_factory=list)


@dataclass
class BuyOrderCreatedEvent:
    timestamp: float
    type: OrderType
    trading_pair: str
    amount: Decimal
    price: Decimal
    order_id: str
    creation_timestamp: float
    exchange_order_id: "str | None" = None
    leverage: int = 1
    position: str = "NIL"


class SellOrderCreatedEvent(BuyOrderCreatedEvent):
    pass


@dataclass
class OrderCancelledEvent:
    timestamp: float
    order_id: str
    exchange_order_id: "str | None" = None


@dataclass
class MarketOrderFailureEvent:
    timestamp: float
    order_id: str
    order_type: OrderType


@dataclass
class OrderFilledEvent:
    timestamp: float
    order_id: str
    trading_pair: str
    trade_type: TradeType
    order_type: OrderType
    price: Decimal
    amount: Decimal
    trade_fee: TradeFee
    exchange_trade_id: str = ""


@dataclass
class BuyOrderCompletedEvent:
    timestamp: float
    order_id: str


AT = 1767323045.123456
CREATED = BuyOrderCreatedEvent(AT, OrderType.LIMIT, "BTC-USDT", Decimal("0.50"), Decimal("64000.10"), "c-1", AT, "x-1")
FILLED = OrderFilledEvent(
    AT, "c-1", "BTC-USDT", TradeType.BUY, OrderType.LIMIT_MAKER, Decimal("64000.10"), Decimal("0.50"),
    TradeFee(percent=Decimal("0.001")), "t-1",
)  # fmt: skip


@pytest.mark.parametrize(
    ("record", "event_type", "expected"),
    [
        (CREATED, "order_created", {
            "client_order_id": "c-1", "side": "buy", "order_type": "limit", "price": "64000.10", "amount_base": "0.50",
            "is_live": True, "exchange_order_id": "x-1", "leverage": 1, "position": "NIL",
        }),
        (SellOrderCreatedEvent(AT, OrderType.MARKET, "BTC-USDT", Decimal("1E-8"), Decimal("NaN"), "c-2", AT), "order_created", {
            "client_order_id": "c-2", "side": "sell", "order_type": "market", "amount_base": "0.00000001", "is_live": True,
            "leverage": 1, "position": "NIL",
        }),
        (OrderCancelledEvent(AT, "c-1"), "order_cancelled", {"client_order_id": "c-1"}),
        (MarketOrderFailureEvent(AT, "c-1", OrderType.LIMIT), "order_failed", {
            "client_order_id": "c-1", "error_message": "", "failure_stage": "create", "order_type": "LIMIT",
        }),
        (FILLED, "order_filled", {
            "client_order_id": "c-1", "fill_id": "t-1", "fill_price": "64000.10", "fill_qty_base": "0.50",
            "fill_qty_quote": "32000.0500", "fee_asset": "USDT", "fee_amount": "32.0000500", "liquidity_side": "maker",
            "trade_type": "BUY",
        }),
    ],
    ids=lambda each: type(each).__name__,
)  # fmt: skip
def test_S_40_maps(record, event_type, expected):
    assert map_record(record, "bitget") == (event_type, expected)
    assert payload_problem(event_type, expected) is None


def test_S_40_what_is_not_mapped_is_refused():
    with pytest.raises(NotMappedError, match="BuyOrderCompletedEvent is mapped to no event"):
        map_record(BuyOrderCompletedEvent(AT, "c-1"), "bitget")
    swap = BuyOrderCreatedEvent(AT, OrderType.AMM_SWAP, "BTC-USDT", Decimal(1), Decimal(1), "c-1", AT)
    with pytest.raises(NotMappedError, match="AMM_SWAP"):
        map_record(swap, "bitget")
    several = OrderFilledEvent(
        AT, "c-1", "BTC-USDT", TradeType.BUY, OrderType.LIMIT, Decimal(1), Decimal(1),
        TradeFee(flat_fees=[TokenAmount("BNB", Decimal(1)), TokenAmount("BTC", Decimal(1))]),
    )  # fmt: skip
    with pytest.raises(NotMappedError, match="fees in several assets"):
        map_record(several, "bitget")


def test_S_40_flat_fees_and_paper_trading():
    fee = TradeFee(flat_fees=[TokenAmount("BNB", Decimal("0.1")), TokenAmount("BNB", Decimal("0.2"))])
    fill = OrderFilledEvent(AT, "c-1", "BTC-USDT", TradeType.BUY, OrderType.LIMIT, Decimal(1), Decimal(1), fee)
    _, payload = map_record(fill, "bitget")
    assert (payload["fee_asset"], payload["fee_amount"], payload["liquidity_side"]) == ("BNB", "0.3", "unknown")
    assert map_record(CREATED, "bitget_paper_trade")[1]["is_live"] is False


def test_S_40_S_14_the_records_of_an_order_are_one_chain(topic, options, identity):
    with BotProducer(identity, **options) as bot:
        logger = OrderLogger(bot, "bitget")
        decision = bot.emit("risk_decision", {"approved": True, "decision": "allow", "reason": "ok"})
        created = logger.log(CREATED, upstream=decision)
        filled = logger.log(FILLED)
        cancelled = logger.log(OrderCancelledEvent(AT, "c-1"))
        other = logger.log(OrderCancelledEvent(AT, "c-9"))
    assert [each.correlation_id for each in (created, filled, cancelled)] == [decision.event_id] * 3
    assert [each.causation_id for each in (created, filled, cancelled)] == [
        decision.event_id, created.event_id, filled.event_id,
    ]  # fmt: skip
    assert created.ts_utc == "2026-01-02T03:04:05.123456Z"
    assert other.correlation_id == other.event_id
    chain = [each for each in topic.records() if each.key().decode() == decision.event_id]
    assert len(chain) == 4

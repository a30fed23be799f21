"""A strategy as Hummingbot has them, in small: what it is told of its orders becomes events, each order one chain.

Run it beside a started system: PYTHONPATH=sdk/python/src python examples/bot.py [rounds]
(with confluent-kafka and fastavro installed, or after pip install ./sdk/python)
"""

import os
import sys
import time
from dataclasses import dataclass, field
from decimal import Decimal

from millrace_bots import BotProducer, Identity
from millrace_bots.hummingbot import OrderLogger

INSTANCE = "example-py"
CONNECTOR = "bitget_paper_trade"


@dataclass
class Fee:
    percent: Decimal = Decimal("0.0002")
    flat_fees: list = field(default_factory=list)


@dataclass
class BuyOrderCreatedEvent:
    """In a strategy this class, and those below, come from hummingbot.core.event.events."""

    timestamp: float
    type: str
    trading_pair: str
    amount: Decimal
    price: Decimal
    order_id: str


@dataclass
class OrderFilledEvent:
    timestamp: float
    order_id: str
    trading_pair: str
    order_type: str
    price: Decimal
    amount: Decimal
    trade_fee: Fee


class Strategy:
    def __init__(self, bot: BotProducer) -> None:
        self.bot = bot
        self.orders = OrderLogger(bot, CONNECTOR)

    def run(self, rounds: int) -> None:
        for number in range(rounds):
            order_id, price, amount = f"{INSTANCE}-{number}", Decimal(64000 + number), Decimal("0.01")
            decision = self.bot.emit("risk_decision", {"approved": True, "decision": "allow", "reason": "within limits"})
            created = BuyOrderCreatedEvent(time.time(), "LIMIT_MAKER", "BTC-USDT", amount, price, order_id)
            self.orders.log(created, upstream=decision)
            self.did_fill_order(OrderFilledEvent(time.time(), order_id, "BTC-USDT", "LIMIT_MAKER", price, amount, Fee()))
            self.bot.emit_nowait("state_snapshot", {"state": "running", "base_pct": Decimal(50)})

    def did_fill_order(self, event: OrderFilledEvent) -> None:
        self.orders.log(event)


bot = BotProducer(
    Identity("example", INSTANCE, "market_maker_v1", CONNECTOR, "BTC-USDT"),
    brokers=os.environ.get("KAFKA_BROKERS", "127.0.0.1:19092"),
    registry_url=os.environ.get("SCHEMA_REGISTRY_URL", "http://127.0.0.1:18081/apis/ccompat/v7"),
    topic_prefix=os.environ.get("TOPIC_PREFIX", ""),
    spool_folder=os.environ.get("BOT_SPOOL", f".data/bots/{INSTANCE}"),
)
Strategy(bot).run(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
unsent = bot.close()
print(f"{bot.status().confirmed} events confirmed, {unsent} unsent")

"""Emits the events of a trading bot to Millrace: checked, kept on disk, delivered once."""

from ._check import problem_of
from ._outbox import WhenFull
from .aio import AsyncBotProducer, AsyncChain
from .errors import BotError, BotErrorCode, FieldProblem
from .events import (
    Amount,
    BotEventType,
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
from .producer import BotProducer, Chain, Status

__all__ = [
    "Amount",
    "AsyncBotProducer",
    "AsyncChain",
    "BotError",
    "BotErrorCode",
    "BotEventType",
    "BotProducer",
    "Chain",
    "Emitted",
    "FieldProblem",
    "Identity",
    "OrderCancelled",
    "OrderCreated",
    "OrderFailed",
    "OrderFilled",
    "Payload",
    "RiskDecision",
    "StateSnapshot",
    "Status",
    "WhenFull",
    "problem_of",
]

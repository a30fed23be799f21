"""The six events of an upstream bot, named as on the wire. Source: S-02 to S-23.

Payload keys that are not listed are accepted and kept (S-28); a type checker takes them in a class of one's own::

    class Created(OrderCreated):
        exchange_order_id: str
"""

# Annotations are looked at while the program runs, too: typing.get_type_hints(OrderCreated).
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple, TypedDict, Union

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired

BotEventType = Literal[
    "order_created",
    "order_cancelled",
    "order_failed",
    "order_filled",
    "risk_decision",
    "state_snapshot",
]

#: An amount, price or ratio: a Decimal, or text such as ``"0.10"``; both keep every digit.
Amount = Union[Decimal, str, int]


class OrderCreated(TypedDict):
    client_order_id: str
    side: Literal["buy", "sell"]
    order_type: Literal["limit", "market", "limit_maker"]
    price: NotRequired[Amount]
    amount_base: Amount
    amount_quote: NotRequired[Amount]
    is_live: bool


class OrderCancelled(TypedDict):
    client_order_id: str
    reason: NotRequired[str]
    cancel_source: NotRequired[Literal["strategy", "risk", "ops", "exchange"]]


class OrderFailed(TypedDict):
    client_order_id: NotRequired[str]
    error_code: NotRequired[str]
    error_message: str
    failure_stage: NotRequired[Literal["create", "cancel", "update"]]


class OrderFilled(TypedDict):
    client_order_id: str
    fill_id: NotRequired[str]
    fill_price: Amount
    fill_qty_base: Amount
    fill_qty_quote: Amount
    fee_asset: str
    fee_amount: Amount
    liquidity_side: Literal["maker", "taker", "unknown"]


class RiskDecision(TypedDict):
    approved: bool
    decision: Literal["allow", "soft_pause", "hard_stop", "reduce"]
    reason: str
    max_notional_quote: NotRequired[Amount]
    policy_name: NotRequired[str]


class StateSnapshot(TypedDict):
    state: Literal["running", "soft_pause", "hard_stop"]
    regime: NotRequired[str]
    net_edge_pct: NotRequired[Amount]
    spread_pct: NotRequired[Amount]
    base_pct: NotRequired[Amount]
    target_base_pct: NotRequired[Amount]
    equity_quote: NotRequired[Amount]


#: Any of the six.
Payload = Union[
    OrderCreated,
    OrderCancelled,
    OrderFailed,
    OrderFilled,
    RiskDecision,
    StateSnapshot,
]


class EmitOptions(TypedDict, total=False):
    """What may differ from one event to the next; absent or None: as said."""

    #: A UUID v4 of one's own, for an event that may be emitted again after a restart. Default: a new one.
    event_id: str | None
    #: When it happened, ISO 8601 in UTC. Default: now.
    ts_utc: str | None
    connector_name: str | None
    trading_pair: str | None
    #: W3C trace context. Default: that of OpenTelemetry, where ``opentelemetry-api`` is installed.
    traceparent: str | None


@dataclass(frozen=True)
class Identity:
    """Who emits: what all events of a producer say of it. Source: S-07 to S-11."""

    #: Name of the service or controller.
    producer: str
    instance_name: str
    controller_id: str
    #: ``bitget``, ``bitget_paper_trade``, …
    connector_name: str
    trading_pair: str


class Emitted(NamedTuple):
    """An event that was emitted; ``child`` takes it as the upstream of the next one."""

    event_id: str
    event_type: str
    correlation_id: str
    #: event_id of what it follows; None for the first of a chain.
    causation_id: str | None
    ts_utc: str

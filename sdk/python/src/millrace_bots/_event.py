"""Building an event from what one emit says."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ._check import envelope_problem, invalid, payload_problem, too_large
from ._contract import LIMITS
from ._ids import new_id
from ._record import kept_payload, to_json
from .events import Emitted, Identity

_EVENT_BYTES = LIMITS["eventBytes"]
_IDENTITIES_MAX = 1_000
_identities: dict[tuple[str, str, str, str, str], str] = {}
_second: tuple[int, str] = (-1, "")

def now_text() -> str:
    """The time in UTC, with microseconds."""
    global _second
    second, nanos = divmod(time.time_ns(), 1_000_000_000)
    known, text = _second
    if second != known:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = (second, text)
    return f"{text}.{nanos // 1000:06d}Z"


def event_of(
    identity: Identity,
    event_type: str,
    payload: Mapping[str, Any],
    upstream: tuple[str, str] | None,
    event_id: str | None = None,
    ts_utc: str | None = None,
    connector_name: str | None = None,
    trading_pair: str | None = None,
) -> dict[str, Any]:
    """The event of one emit; ``upstream`` is the event_id and the correlation_id that it follows.

    Raises: BotError INVALID_EVENT. Source: S-15, S-16.
    """
    is_usual = event_id is None and ts_utc is None and connector_name is None and trading_pair is None
    own_id = new_id()[0] if event_id is None else event_id
    event: dict[str, Any] = {
        "event_id": own_id,
        "event_type": event_type,
        "event_version": "v1",
        "ts_utc": now_text() if ts_utc is None else ts_utc,
        "producer": identity.producer,
        "instance_name": identity.instance_name,
        "controller_id": identity.controller_id,
        "connector_name": identity.connector_name if connector_name is None else connector_name,
        "trading_pair": identity.trading_pair if trading_pair is None else trading_pair,
    }
    if upstream is None:
        event["correlation_id"] = own_id
    else:
        event["correlation_id"] = upstream[1]
        event["causation_id"] = upstream[0]
    event["payload"] = payload
    # What every event of this producer says was checked when it was opened.
    found = None if is_usual and upstream is None else envelope_problem(event)
    found = found or payload_problem(event_type, payload)
    if found is not None:
        raise invalid(found)
    event["payload"] = kept_payload(event_type, payload)
    return event


def json_of(event: Mapping[str, Any]) -> bytes:
    """The event as it is kept. Raises: BotError INVALID_EVENT when it is too large.

    What the rules let through as an id, a type or a time needs no escapes.
    """
    key = (
        event["producer"], event["instance_name"], event["controller_id"],
        event["connector_name"], event["trading_pair"],
    )  # fmt: skip
    identity = _identities.get(key) or _identity_json(key)
    causation = event.get("causation_id")
    follows = "" if causation is None else f',"causation_id":"{causation}"'
    text = (
        f'{{"event_id":"{event["event_id"]}","event_type":"{event["event_type"]}","event_version":"v1",'
        f'"ts_utc":"{event["ts_utc"]}",{identity},"correlation_id":"{event["correlation_id"]}"{follows},'
        f'"payload":{to_json(event["payload"])}}}'
    ).encode()
    if len(text) > _EVENT_BYTES:
        raise too_large(len(text))
    return text


def _identity_json(key: tuple[str, str, str, str, str]) -> str:
    names = ("producer", "instance_name", "controller_id", "connector_name", "trading_pair")
    text = to_json(dict(zip(names, key)))[1:-1]
    if len(_identities) >= _IDENTITIES_MAX:
        _identities.clear()
    _identities[key] = text
    return text


def emitted_of(event: Mapping[str, Any]) -> Emitted:
    """What the caller gets back."""
    return Emitted(
        event["event_id"],
        event["event_type"],
        event["correlation_id"],
        event.get("causation_id"),
        event["ts_utc"],
    )

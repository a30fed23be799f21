"""From an event to what stands on the topic: key, partition, headers, Avro value.

Source: sdk/README.md, The Avro record.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from decimal import Decimal
from json.encoder import encode_basestring as _quoted
from typing import Any

from ._avro import body_of
from ._check import decimal_text, micros_of
from ._contract import RULES

#: Of a record, in a fixed order.
Headers = dict[str, "str | bytes | None"]
_TRACE_ID = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-").match
_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_MASK = 0xFFFFFFFF


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{value!r} is no JSON value")


_ANY = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
).encode


def to_json(value: Any) -> str:
    """JSON as every SDK writes it: nothing between the parts, letters as they are.

    Objects of plain texts, which events mostly are, are put together here: half the time of an encoder made for each.
    """
    if type(value) is not dict:
        return _ANY(value)
    parts = []
    for name, each in value.items():
        kind = type(each)
        if type(name) is not str:
            return _ANY(value)
        if kind is str:
            parts.append(f"{_quoted(name)}:{_quoted(each)}")
        elif kind is dict:
            parts.append(f"{_quoted(name)}:{to_json(each)}")
        elif each is True:
            parts.append(f"{_quoted(name)}:true")
        elif each is False:
            parts.append(f"{_quoted(name)}:false")
        else:
            parts.append(f"{_quoted(name)}:{_ANY(each)}")
    return "{" + ",".join(parts) + "}"

_DECIMALS: dict[str, tuple[str, ...]] = {}
_NAMES: dict[str, frozenset[str]] = {}
for _type, _event in RULES["events"].items():
    _rules = _event["payload"]
    _NAMES[_type] = frozenset(rule["name"] for rule in _rules)
    _DECIMALS[_type] = tuple(
        rule["name"] for rule in _rules if rule["kind"] == "decimal"
    )


def kept_payload(event_type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload as it is kept: decimals as text, keys in the order given. Of an object or list under an unknown key it has a
    copy: whoever emitted it may change it before it is sent."""
    kept = dict(payload)
    for name, value in kept.items():
        if isinstance(value, (Mapping, list, tuple)):
            kept[name] = _copied(value)
    for name in _DECIMALS[event_type]:
        value = kept.get(name)
        if value is not None and type(value) is not str:
            kept[name] = decimal_text(value)
    return kept


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copied(each) for name, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, (list, tuple)) else value


def key_of(event: Mapping[str, Any]) -> str:
    """The record key: events of one chain stand on one partition (S-42)."""
    key: str = event["correlation_id"]
    return key.lower()


def avro_value(event: Mapping[str, Any], traceparent: str | None) -> bytes:
    """The Avro body, without the framing."""
    event_type: str = event["event_type"]
    payload = event["payload"]
    for name in _DECIMALS[event_type]:
        value = payload.get(name)
        if value is not None and type(value) is not str:
            payload = kept_payload(event_type, payload)
            break
    names = _NAMES[event_type]
    extra = (
        {}
        if payload.keys() <= names
        else {name: to_json(value) for name, value in payload.items() if name not in names}
    )
    trace = _TRACE_ID(traceparent) if traceparent is not None else None
    micros = micros_of(event["ts_utc"])
    assert micros is not None
    return body_of(event, micros, payload, extra, None if trace is None else trace[1])


def headers_of(
    event: Mapping[str, Any], producer: str, sequence: int, traceparent: str | None
) -> Headers:
    """The record's headers. ``producer`` is ``id/incarnation``."""
    headers: Headers = {
        "event_id": event["event_id"].lower(),
        "event_type": event["event_type"],
        "family": "BOT",
        "correlation_id": event["correlation_id"].lower(),
    }
    causation = event.get("causation_id")
    if causation:
        headers["causation_id"] = causation.lower()
    headers["priority"] = "normal"
    headers["producer_id"] = producer
    headers["producer_sequence"] = str(sequence)
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers


def murmur2(key: bytes) -> int:
    """The hash of Kafka's Java client, as a signed 32-bit number."""
    size = len(key)
    h = (_SEED ^ size) & _MASK
    words = size >> 2
    for k in struct.unpack_from(f"<{words}I", key):
        k = k * 0x5BD1E995 & 0xFFFFFFFF
        h = (h * 0x5BD1E995 ^ (k ^ k >> 24) * 0x5BD1E995) & 0xFFFFFFFF
    rest = key[words * 4 :]
    if rest:
        h = ((h ^ int.from_bytes(rest, "little")) * _MIX) & _MASK
    h = ((h ^ (h >> 13)) * _MIX) & _MASK
    h ^= h >> 15
    return h - (1 << 32) if h & 0x80000000 else h


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, as Java's default partitioner has it."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions

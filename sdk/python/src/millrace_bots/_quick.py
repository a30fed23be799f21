"""The short way of an event that is as events mostly are: its JSON and its Avro body together, in a tenth of the time.

For each type and order of keys a function is made that puts the payload's JSON together; one pattern then says whether each
value is a usual one: printable ASCII without quotes and backslashes, up to 63 characters, amounts without an exponent.
What is not goes the long way of ``_check``, ``_event`` and ``_avro``, which decides, and says what is wrong. A property in
tests/test_quick.py holds the two together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ._avro import identity_part, quick_fields, type_part
from ._check import decimal_text
from ._contract import RULES
from ._ids import new_id
from .events import Emitted, Identity

_ID = "[ !#-\\[\\]-~]{1,63}"
_TEXT = "[ !#-\\[\\]-~]{0,63}"
_DECIMAL = "-?[0-9]{1,30}(?:\\.[0-9]{1,30})?"
_PLAIN = re.compile(_ID).fullmatch
_UUID4 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}").fullmatch
#: Orders of keys that are known at once.
_SHAPES_MAX = 1_000
_LENGTHS = [chr(2 * length) for length in range(64)]
_LOW = [chr(at & 0x7F | 0x80) + chr(at >> 7 | 0x80) for at in range(1 << 14)]

#: JSON and Avro of a payload; None: it is not a usual one.
Shape = Callable[[Mapping[str, Any]], "tuple[str, str] | None"]


class Ready(NamedTuple):
    """An event that is encoded already, without the framing."""

    event_id: str
    event_type: str
    #: Lower case: the record key.
    correlation_id: str
    causation_id: str | None
    #: murmur2 of the key, unsigned; None: not known yet.
    hash: int | None
    body: bytes


class Follows(NamedTuple):
    """What the events of a chain follow, in usual form."""

    event_id: str
    correlation_id: str


class Quick:
    """Makes the events of one identity."""

    def __init__(self, identity: Identity) -> None:
        who = (
            identity.producer, identity.instance_name, identity.controller_id,
            identity.connector_name, identity.trading_pair,
        )  # fmt: skip
        self._is_usable = all(_PLAIN(text) for text in who)
        names = ("producer", "instance_name", "controller_id", "connector_name", "trading_pair")
        self._json = ",".join(f'"{name}":"{text}"' for name, text in zip(names, who))
        self._avro = identity_part(who).decode("latin-1") if self._is_usable else ""
        self._shapes: dict[tuple[str, ...], Shape | None] = {}
        self._second = (-1, "")
        self._high = (-1, "")

    def made(
        self, event_type: str, payload: Any, follows: Follows | None
    ) -> tuple[Ready, bytes, Emitted] | None:
        """The event of one emit, its JSON, and what the caller gets; None: it has to go the long way."""
        if type(payload) is not dict:
            return None
        try:
            shape = self._shapes[(event_type, *payload)]
        except (KeyError, TypeError):
            shape = self._learnt(event_type, payload)
        if shape is None:
            return None
        found = shape(payload)
        if found is None:
            return None
        json, avro = found
        own, key_hash = new_id()
        micros = time.time_ns() // 1000
        second, rest = divmod(micros, 1_000_000)
        known, text = self._second
        if known != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        ts_utc = f"{text}.{rest:06d}Z"
        stamp = micros << 1
        known, high = self._high
        if known != stamp >> 28:
            high = _varint(stamp >> 28)
            self._high = (stamp >> 28, high)
        when = f"{_LOW[stamp & 0x3FFF]}{_LOW[stamp >> 14 & 0x3FFF]}{high}"
        if follows is None:
            event = (
                f'{{"event_id":"{own}","event_type":"{event_type}","event_version":"v1","ts_utc":"{ts_utc}",{self._json},'
                f'"correlation_id":"{own}","payload":{json}}}'
            )
            body = f"H{own}{_TYPES[event_type]}{when}H{own}\0{self._avro}\0\0\0\0{avro}\0\0"
            ready = _tuple(Ready, (own, event_type, own, None, key_hash, body.encode("latin-1")))
            return ready, event.encode(), _tuple(Emitted, (own, event_type, own, None, ts_utc))
        cause, chain = follows
        event = (
            f'{{"event_id":"{own}","event_type":"{event_type}","event_version":"v1","ts_utc":"{ts_utc}",{self._json},'
            f'"correlation_id":"{chain}","causation_id":"{cause}","payload":{json}}}'
        )
        body = f"H{own}{_TYPES[event_type]}{when}H{chain}\2H{cause}{self._avro}\0\0\0\0{avro}\0\0"
        ready = _tuple(Ready, (own, event_type, chain, cause, None, body.encode("latin-1")))
        return ready, event.encode(), _tuple(Emitted, (own, event_type, chain, cause, ts_utc))

    def _learnt(self, event_type: Any, payload: Mapping[Any, Any]) -> Shape | None:
        if not self._is_usable or type(event_type) is not str or event_type not in RULES["events"]:
            return None
        if not all(isinstance(name, str) for name in payload):
            return None
        shape = _shape_of(event_type, tuple(payload))
        if len(self._shapes) >= _SHAPES_MAX:
            self._shapes.clear()
        self._shapes[(event_type, *payload)] = shape
        return shape


def follows_of(upstream: tuple[str, str] | None) -> Follows | None | bool:
    """What is followed; None: nothing, False: it is not in usual form."""
    if upstream is None:
        return None
    is_usual = all(type(each) is str and _UUID4(each) for each in upstream)
    return Follows(*upstream) if is_usual else False


_tuple = tuple.__new__
_TYPES = {name: type_part(name).decode("latin-1") for name in RULES["events"]}


def _varint(value: int) -> str:
    out = ""
    while value > 0x7F:
        out += chr(value & 0x7F | 0x80)
        value >>= 7
    return out + chr(value)


def _shape_of(event_type: str, keys: tuple[str, ...]) -> Shape | None:
    """None: some key is not known, or one that is needed is absent."""
    fields = quick_fields(event_type)
    rules = {rule["name"]: rule for rule in RULES["events"][event_type]["payload"]}
    if fields is None or not set(keys) <= set(rules):
        return None
    patterns = {name: _pattern_of(rules[name]) for name in keys}
    for name, rule in rules.items():
        if name in keys:
            continue
        when = rule.get("requiredWhen")
        if rule["required"] or (when is not None and when["field"] not in keys):
            return None
        if when is not None:
            others = [value for value in rules[when["field"]]["values"] if value not in when["in"]]
            patterns[when["field"]] = _quoted("|".join(map(re.escape, others)))
    if None in patterns.values():
        return None
    pattern = "\\{" + ",".join(f'"{name}":{patterns[name]}' for name in keys) + "\\}"
    return _made(keys, rules, fields, re.compile(pattern).fullmatch)


def _quoted(pattern: str) -> str:
    return f'"(?:{pattern})"'


def _pattern_of(rule: Mapping[str, Any]) -> str | None:
    kind = rule["kind"]
    if kind == "enum":
        usual = [value for value in rule["values"] if _PLAIN(value)]
        return _quoted("|".join(map(re.escape, usual)))
    known = {"id": _quoted(_ID), "text": _quoted(_TEXT), "decimal": _quoted(_DECIMAL), "boolean": "(?:true|false)"}
    return known.get(kind)


def _made(
    keys: tuple[str, ...],
    rules: Mapping[str, Mapping[str, Any]],
    fields: tuple[tuple[str, bool, bool], ...],
    matches: Callable[[str], Any],
) -> Shape:
    """The function of one order of keys. Names of variables are made here; of the payload only its values are used."""
    values = {name: f"v{at}" for at, name in enumerate(keys)}
    lines = ["def shape(payload):", f" {''.join(f'{each}, ' for each in values.values())} = payload.values()"]
    json: list[str] = []
    for at, name in enumerate(keys):
        own, kind = values[name], rules[name]["kind"]
        before = ("{" if at == 0 else ",") + f'"{name}":'
        if kind == "boolean":
            lines.append(f' j{at} = "true" if {own} is True else "false" if {own} is False else None')
            json += [repr(before), f"j{at}"]
            continue
        if kind == "decimal":
            lines.append(f" if type({own}) is not str: {own} = decimal_text({own})")
        json += [repr(before + '"'), own, repr('"')]
    lines += [
        " try:",
        f'  json = "".join(({", ".join(json)}, "}}"))',
        " except TypeError:",
        "  return None",
        " if matches(json) is None:",
        "  return None",
    ]
    avro: list[str] = []
    for name, is_optional, is_boolean in fields:
        own = values.get(name, "")
        if is_boolean:
            avro.append(f'"\\1" if {own} else "\\0"')
        elif own == "":
            avro.append('"\\0"')
        else:
            avro += (['"\\2"'] if is_optional else []) + [f"lengths[len({own})]", own]
    lines.append(f' return json, "".join(({", ".join(avro)},))')
    scope: dict[str, Any] = {"matches": matches, "lengths": _LENGTHS, "decimal_text": decimal_text}
    exec("\n".join(lines), scope)
    made: Shape = scope["shape"]
    return made

"""The rules of sdk/README.md, made into functions once.

Only the first field that fails is told, in the order of the rules: every SDK and the server say the same of the same event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import Any

from ._contract import LIMITS, RULES
from .errors import BotError, FieldProblem

_PATTERNS = RULES["patterns"]
# fullmatch, since Python's $ also stands before a last line feed.
_UUID4 = re.compile(_PATTERNS["uuid4"]).fullmatch
_UUID = re.compile(_PATTERNS["uuid"]).fullmatch
_TIMESTAMP = re.compile(_PATTERNS["timestamp"]).fullmatch
_DECIMAL = re.compile(_PATTERNS["decimal"]).fullmatch
_ID_BYTES = LIMITS["idBytes"]
_TEXT_BYTES = LIMITS["textBytes"]
_DECIMAL_CHARS = LIMITS["decimalChars"]
_DECIMAL_EXPONENT = LIMITS["decimalExponent"]
_DEPTH = LIMITS["depth"]
_NUMBER_EXPONENT = 1000
_EPOCH_DAYS = date(1970, 1, 1).toordinal()

#: The code of what is wrong with a value; None: nothing.
Check = Callable[[Any], "str | None"]
Field = tuple[str, bool, "Mapping[str, Any] | None", Check]
#: Name, whether it may be absent, and what a usual value fits.
UsualField = tuple[str, bool, Callable[[Any], Any]]


def problem_of(event: Any) -> FieldProblem | None:
    """What is wrong with an event as JSON has it; None: nothing."""
    if not isinstance(event, Mapping):
        return _problem("", "NOT_AN_OBJECT", event)
    return envelope_problem(event) or payload_problem(
        event["event_type"], event["payload"]
    )


def envelope_problem(event: Mapping[str, Any]) -> FieldProblem | None:
    """What is wrong with the envelope alone."""
    return _first_problem(_ENVELOPE, event, "")


def payload_problem(event_type: str, payload: Any) -> FieldProblem | None:
    """What is wrong with a payload."""
    rules = _PAYLOADS.get(event_type) if isinstance(event_type, str) else None
    if rules is None:
        return _problem("event_type", "UNKNOWN_EVENT_TYPE", event_type)
    if not isinstance(payload, Mapping):
        return _problem("payload", "NOT_AN_OBJECT", payload)
    fields, names = rules
    if not _is_usual(_USUAL[event_type], payload):
        found = _first_problem(fields, payload, "payload.")
        if found is not None:
            return found
    if payload.keys() <= names:
        return None
    for name, value in payload.items():
        if name not in names:
            code = _key_problem(name) or _extra_problem(value, 1)
            if code is not None:
                return _problem(f"payload.{name}", code, value)
    return None


def invalid(problem: FieldProblem) -> BotError:
    """The problem as an error."""
    return BotError("INVALID_EVENT", problem.message, problem)


def too_large(size: int) -> BotError:
    """Of an event that is too long as JSON."""
    given = f"{size} bytes, at most {LIMITS['eventBytes']}"
    return invalid(_problem("", "TOO_LARGE", given))


def decimal_text(value: Any) -> str | None:
    """A decimal as text, with the digits given; None when it is none."""
    if type(value) is not str:
        if isinstance(value, bool) or not isinstance(value, (Decimal, int, float, str)):
            return None
        text = repr(value) if isinstance(value, float) else str(value)
        value = text.replace("E+", "E").replace("e+", "e")
    if len(value) > _DECIMAL_CHARS:
        return None
    match = _DECIMAL(value)
    if match is None:
        return None
    exponent = match[1]
    if exponent is not None and abs(int(exponent)) > _DECIMAL_EXPONENT:
        return None
    return str(value)


def micros_of(text: str) -> int | None:
    """Microseconds of an ISO 8601 time in UTC, further digits cut; None when there is no such time."""
    global _last_second
    second_text, second_micros = _last_second
    # Events come many to the second, and the SDK's own times all look alike.
    if text[:19] == second_text and len(text) == 27 and text[19] == "." and text[26] == "Z":
        fraction = text[20:26]
        if fraction.isascii() and fraction.isdigit():
            return second_micros + int(fraction)
    match = _TIMESTAMP(text)
    if match is None or not text.isascii():
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not LIMITS["yearMin"] <= year <= LIMITS["yearMax"]:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAYS
    except ValueError:
        return None
    fraction = (match[7] or "")[:6].ljust(6, "0")
    micros = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000
    _last_second = (text[:19], micros)
    return micros + int(fraction)


def _is_usual(usual: tuple[UsualField, ...], payload: Mapping[str, Any]) -> bool:
    """Whether each field is as it mostly is: then no rule is broken, and no rule need be asked."""
    get = payload.get
    try:
        for name, may_be_absent, fits in usual:
            value = get(name)
            if value is None:
                if not may_be_absent:
                    return False
            elif not fits(value):
                return False
    except TypeError:
        # Not of a kind that could be asked.
        return False
    return True


_last_second: tuple[str, int] = ("", 0)


def _first_problem(
    fields: tuple[Field, ...], values: Mapping[str, Any], prefix: str
) -> FieldProblem | None:
    get = values.get
    for name, required, when, check in fields:
        value = get(name)
        if value is None:
            if required or (when is not None and get(when["field"]) in when["in"]):
                return _problem(prefix + name, "REQUIRED", None)
            continue
        code = check(value)
        if code is not None:
            return _problem(prefix + name, code, value)
    return None


def _problem(field: str, code: str, value: Any) -> FieldProblem:
    given = "" if value is None else f" ({_shown(value)} was given)"
    what = f"{field or 'the event'} {RULES['codes'].get(code, code)}"
    return FieldProblem(field, code, what + given)


def _shown(value: Any) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} that is nested too deep"
    return text if len(text) <= 100 else text[:100] + "…"


def _text(check: Callable[[str], str | None]) -> Check:
    return lambda value: check(value) if isinstance(value, str) else "NOT_A_STRING"


def _text_problem(text: str, max_bytes: int) -> str | None:
    if text.isascii():
        if "\0" in text:
            return "NOT_STORABLE"
        return None if len(text) <= max_bytes else "TOO_LONG"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "NOT_STORABLE"
    if "\0" in text:
        return "NOT_STORABLE"
    return None if size <= max_bytes else "TOO_LONG"


def _id_problem(value: Any) -> str | None:
    if not isinstance(value, str):
        return "NOT_A_STRING"
    return _text_problem(value, _ID_BYTES) if value else "EMPTY"


def _key_problem(name: Any) -> str | None:
    if not isinstance(name, str):
        return "NOT_STORABLE"
    return _text_problem(name, LIMITS["eventBytes"])


def _extra_problem(value: Any, depth: int) -> str | None:
    if depth > _DEPTH:
        return "TOO_DEEP"
    if isinstance(value, str):
        return _text_problem(value, LIMITS["eventBytes"])
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, float):
        return None if isfinite(value) else "NOT_STORABLE"
    if isinstance(value, int):
        return None if abs(value) < 10**_NUMBER_EXPONENT else "NOT_STORABLE"
    if isinstance(value, Decimal):
        fits = value.is_finite() and abs(value.adjusted()) <= _NUMBER_EXPONENT
        return None if fits else "NOT_STORABLE"
    if isinstance(value, Mapping):
        for name, part in value.items():
            code = _key_problem(name) or _extra_problem(part, depth + 1)
            if code is not None:
                return code
        return None
    if isinstance(value, (list, tuple)):
        for part in value:
            code = _extra_problem(part, depth + 1)
            if code is not None:
                return code
        return None
    return "NOT_STORABLE"


def _one_of(values: list[str], code: str) -> Check:
    allowed = frozenset(values)

    def check(value: Any) -> str | None:
        if not isinstance(value, str):
            return "NOT_A_STRING"
        return None if value in allowed else code

    return check


def _check_of(rule: Mapping[str, Any]) -> Check:
    kind = rule["kind"]
    if kind == "uuid4":
        return _text(lambda text: None if _UUID4(text) else "NOT_A_UUID_V4")
    if kind == "uuid_or_empty":
        return _text(lambda text: None if not text or _UUID(text) else "NOT_A_UUID")
    if kind == "event_type":
        return _one_of(list(RULES["events"]), "UNKNOWN_EVENT_TYPE")
    if kind == "version":
        return _one_of(rule["values"], "UNKNOWN_VERSION")
    if kind == "enum":
        return _one_of(rule["values"], "NOT_ALLOWED")
    if kind == "timestamp":
        return _text(
            lambda text: "NOT_A_UTC_TIMESTAMP" if micros_of(text) is None else None
        )
    if kind == "id":
        return _id_problem
    if kind == "text":
        return _text(lambda text: _text_problem(text, _TEXT_BYTES))
    if kind == "decimal":
        return lambda value: "NOT_A_DECIMAL" if decimal_text(value) is None else None
    if kind == "boolean":
        return lambda value: None if value is True or value is False else "NOT_A_BOOLEAN"
    if kind == "object":
        return lambda value: None if isinstance(value, Mapping) else "NOT_AN_OBJECT"
    raise ValueError(f"the contract has a kind {kind} that this SDK does not know; update it")


def _compiled(rules: list[dict[str, Any]]) -> tuple[Field, ...]:
    return tuple(
        (rule["name"], rule["required"], rule.get("requiredWhen"), _check_of(rule))
        for rule in rules
    )


_ENVELOPE = _compiled(RULES["envelope"])
_USUAL_ID = re.compile(r"[ -~]{1,100}").fullmatch
_USUAL_DECIMAL = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?").fullmatch


def _usual_of(rule: Mapping[str, Any]) -> UsualField:
    kind = rule["kind"]
    fits: Callable[[Any], Any]
    if kind == "enum":
        fits = frozenset(rule["values"]).__contains__
    elif kind == "decimal":
        fits = _USUAL_DECIMAL
    elif kind in ("id", "text"):
        fits = _USUAL_ID
    else:
        fits = partial(_fits, _check_of(rule))
    return rule["name"], not rule["required"] and "requiredWhen" not in rule, fits


def _fits(check: Check, value: Any) -> bool:
    return check(value) is None


_USUAL = {
    event_type: tuple(_usual_of(rule) for rule in event["payload"])
    for event_type, event in RULES["events"].items()
}
_PAYLOADS = {
    event_type: (
        _compiled(event["payload"]),
        frozenset(rule["name"] for rule in event["payload"]),
    )
    for event_type, event in RULES["events"].items()
}

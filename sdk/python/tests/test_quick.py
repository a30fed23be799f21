"""The short way of an event says what the long way says, or leaves it to that."""

import os
import random
import re
from decimal import Decimal

import pytest
from millrace_bots import BotError, Identity
from millrace_bots._contract import RULES
from millrace_bots._event import event_of, json_of
from millrace_bots._ids import ids_of
from millrace_bots._quick import Quick, follows_of
from millrace_bots._record import avro_value, key_of, murmur2

IDENTITY = Identity("epp", "bot-1", "epp_v2_4", "bitget", "BTC-USDT")
ROUNDS = 300
#: Values that are usual, and others that are not, right and wrong ones.
VALUES = {
    "id": ["c-1", "x" * 63, "x" * 64, 'quo"te', "back\\slash", "é", "a\nb", "", "a\0", 7, None],
    "text": ["", "within limits", "x" * 63, "x" * 500, "ü", "\x7f", True],
    "decimal": ["0.10", "-3", "1e5", "1" * 30, "1" * 31, Decimal("1.50"), Decimal("1E+3"), 12, 0.5, True, "0x1", ".5", "1.", "1\n"],
    "boolean": [True, False, "true", 1, None],
    "enum": ["nothing", 3, None],
}


def payload_of(event_type, chance):
    """Some of the keys in some order; most values usual."""
    rules = list(RULES["events"][event_type]["payload"])
    chance.shuffle(rules)
    payload = {}
    for rule in rules:
        if chance.random() < 0.1:
            continue
        usual = rule.get("values") or VALUES[rule["kind"]][:2]
        others = VALUES[rule["kind"]]
        payload[rule["name"]] = chance.choice(others if chance.random() < 0.1 else usual)
    if chance.random() < 0.05:
        payload[chance.choice(["foo", "événement", 3])] = {"a": [1]}
    return payload


@pytest.mark.parametrize("event_type", list(RULES["events"]))
@pytest.mark.parametrize("is_first", [True, False])
def test_S_43_both_ways_say_the_same(event_type, is_first):
    chance = random.Random(f"{event_type} {is_first}")
    quick = Quick(IDENTITY)
    upstream = None if is_first else tuple(name for name, _ in ids_of(os.urandom(4096))[:2])
    taken = 0
    for _ in range(ROUNDS):
        payload = payload_of(event_type, chance)
        found = quick.made(event_type, payload, follows_of(upstream))
        if found is None:
            continue
        taken += 1
        ready, json, emitted = found
        event = event_of(
            IDENTITY, event_type, payload, upstream, event_id=emitted.event_id, ts_utc=emitted.ts_utc
        )
        assert json == json_of(event), payload
        assert ready.body == avro_value(event, None), payload
        assert ready.correlation_id == key_of(event)
        assert ready.hash in (None, murmur2(key_of(event).encode()) & 0xFFFFFFFF)
    assert taken > ROUNDS / 10


@pytest.mark.parametrize("event_type", list(RULES["events"]))
def test_S_43_what_breaks_a_rule_goes_the_long_way(event_type):
    chance = random.Random(event_type)
    quick = Quick(IDENTITY)
    refused = 0
    for _ in range(ROUNDS):
        payload = payload_of(event_type, chance)
        try:
            event_of(IDENTITY, event_type, payload, None)
        except BotError:
            refused += 1
            assert quick.made(event_type, payload, None) is None, payload
    assert refused > 0
    for other in ("order_updated", None, 3, []):
        assert quick.made(other, {}, None) is None
    assert quick.made(event_type, [], None) is None


def test_an_upstream_that_is_not_in_usual_form_goes_the_long_way():
    one = ids_of(os.urandom(4096))[0][0]
    assert follows_of((one, one)) is not False
    assert follows_of((one.upper().replace("0", "A"), one)) is False
    assert follows_of((one, "chain-1")) is False


def test_S_42_ids_are_uuids_of_version_4_and_know_their_hash():
    made = ids_of(os.urandom(4096))
    assert len({name for name, _ in made}) == len(made) == 256
    for name, known in made:
        assert re.fullmatch(RULES["patterns"]["uuid4"], name)
        assert known == murmur2(name.encode()) & 0xFFFFFFFF


"""The types of the payloads say what the rules say; typed_calls.py has what a type checker takes and refuses."""

import typing

import millrace_bots
import pytest
from millrace_bots._contract import RULES


@pytest.mark.parametrize("event_type", list(RULES["events"]))
def test_S_02_S_43_payload_types_are_what_the_rules_say(event_type):
    own = getattr(millrace_bots, "".join(part.capitalize() for part in event_type.split("_")))
    rules = RULES["events"][event_type]["payload"]
    assert list(typing.get_type_hints(own)) == [rule["name"] for rule in rules]
    assert own.__required_keys__ == {rule["name"] for rule in rules if rule["required"]}
    for rule in rules:
        if "values" in rule:
            assert list(typing.get_args(typing.get_type_hints(own)[rule["name"]])) == rule["values"]

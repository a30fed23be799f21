"""The vectors of sdk/vectors/, which the TypeScript SDK and the server run too."""

import json
import re
from io import BytesIO
from pathlib import Path

import fastavro
import pytest
from millrace_bots import Identity, problem_of
from millrace_bots._contract import RECORDS, SCHEMAS
from millrace_bots._courier import Courier
from millrace_bots._event import event_of, json_of
from millrace_bots._home import Home
from millrace_bots._outbox import Outbox
from millrace_bots._quick import Quick, follows_of
from millrace_bots._record import avro_value, headers_of, key_of, murmur2, partition_of
from millrace_bots._spool import Damaged, frame_of, read_frame

VECTORS = Path(__file__).parents[2] / "vectors"


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def named(cases, row=""):
    """Test names that carry the rows they show."""
    return [
        pytest.param(case, id=re.sub(r"\W+", "_", f"{case.get('row', row)} {case.get('name', case.get('key'))}"))
        for case in cases
    ]


@pytest.mark.parametrize("case", named(vectors("events")))
def test_event(case):
    found = problem_of(case["event"])
    given = None if found is None else {"field": found.field, "code": found.code}
    assert given == case["problem"]
    if found is not None:
        assert (found.field or "the event") in found.message


@pytest.mark.parametrize("case", named(vectors("emits")["emits"], "S-15 S-16"))
def test_emit(case):
    identity = Identity(**vectors("emits")["identity"])
    upstream = case["upstream"]
    options = {**case["options"]}
    traceparent = options.pop("traceparent", None)
    event = event_of(
        identity,
        case["type"],
        case["payload"],
        None if upstream is None else (upstream["event_id"], upstream["correlation_id"]),
        **options,
    )
    assert json_of(event).decode() == case["json"]
    assert case["meta"] == ("{}" if traceparent is None else json.dumps({"traceparent": traceparent}, separators=(",", ":")))


RECORDS_VECTOR = vectors("records")
PRODUCER = f"{RECORDS_VECTOR['producer']['id']}/{RECORDS_VECTOR['producer']['incarnation']}"


@pytest.mark.parametrize("case", named(RECORDS_VECTOR["records"], "S-42 S-43"))
def test_record(case):
    event = json.loads(case["json"])
    assert key_of(event) == case["key"]
    assert partition_of(case["key"], RECORDS_VECTOR["partitions"]) == case["partition"]
    headers = headers_of(event, PRODUCER, case["sequence"], case["traceparent"])
    assert dict(headers) == case["headers"]
    assert avro_value(event, case["traceparent"]).hex() == case["avro"]


@pytest.mark.parametrize("case", named(RECORDS_VECTOR["records"], "S-28 S-44"))
def test_read_back(case):
    event = json.loads(case["json"])
    schema = fastavro.parse_schema(SCHEMAS[RECORDS[event["event_type"]]])
    value = fastavro.schemaless_reader(BytesIO(bytes.fromhex(case["avro"])), schema)
    known = {name: each for name, each in value["payload"].items() if each is not None}
    extra = {name: json.loads(text) for name, text in value["payload_extra"].items()}
    assert {**known, **extra} == event["payload"]


@pytest.mark.parametrize("case", named(vectors("partitions"), "K-05 S-42"))
def test_partition(case):
    assert murmur2(case["key"].encode()) == case["murmur2"]
    for count, partition in case["partitions"].items():
        assert partition_of(case["key"], int(count)) == partition


@pytest.mark.parametrize("case", named(vectors("spool")))
def test_frame(case):
    meta, event, frame = case["meta"].encode(), case["json"].encode(), bytes.fromhex(case["frame"])
    assert b"".join(frame_of(meta, event)) == frame
    assert read_frame(frame, 0) == (meta, event, len(frame))
    assert read_frame(frame[:-1], 0) is None
    for at in (0, 4, 8, 12, len(frame) - 1):
        damaged = bytearray(frame)
        damaged[at] ^= 0x10
        with pytest.raises(Damaged):
            read_frame(bytes(damaged), 0)


@pytest.mark.parametrize("way", ["quick", "long", "spool"])
def test_K_05_S_42_J7a_the_courier_numbers_by_partition(way):
    given = vectors("sequences")
    identity = Identity(**vectors("emits")["identity"])
    outbox = Outbox(None, 10**6, 10**6, "block", 1, 0)
    courier = Courier(outbox, Home(None, "epp.bot1"), {}, "http://127.0.0.1:9", "")
    courier._framing = {name: b"\0\0\0\0\7" for name in RECORDS}
    courier._take_up(given["partitions"])
    quick, payload = Quick(identity), {"state": "running"}
    for each in given["given"]:
        chain = (each["key"], each["key"])
        event = event_of(identity, "state_snapshot", payload, chain)
        follows = follows_of(chain)
        # A chain that is not in usual form goes the long way.
        if way == "quick" and not isinstance(follows, bool):
            ready, json_text, _ = quick.made("state_snapshot", payload, follows)
            outbox.put(ready, json_text, b"{}")
        else:
            outbox.put(event, json_of(event), b"{}")
    given_to_client = []

    class Client:
        def produce(self, _topic, _value, key, partition, *others):
            sequence = others[-1]["producer_sequence"]
            given_to_client.append({"key": key, "partition": partition, "sequence": int(sequence)})

    courier._producer = Client()
    # Some at a time, as they are taken.
    while taken := outbox.take(4, 0):
        for waiting in taken:
            # As it is read back.
            waiting.event = None if way == "spool" else waiting.event
        courier._place(taken)
        courier._produce(taken)
    assert given_to_client == given["given"]

"""One side of the comparison in a process of its own, as bench/bots/typescript-load.ts: the Python SDK, or bare confluent-kafka."""

import gc
import json
import sys
import tempfile
import time

from confluent_kafka import Producer
from millrace_bots import BotProducer, Identity
from millrace_bots._event import event_of
from millrace_bots._record import avro_value, headers_of, key_of, partition_of

WARM_UP = 0.2
TIMED = 2_000
#: Records between two looks at what was delivered.
POLL_EVERY = 500
EVENT_TYPE = "order_filled"

load = json.loads(sys.argv[1])
count = load["count"]
warm = int(count * WARM_UP)
identity = Identity("bench", "bench-1", "market_maker_v1", "bitget_paper_trade", "BTC-USDT")


def payload_of(index):
    return {
        "client_order_id": f"bench-{index}",
        "fill_id": f"fill-{index}",
        "fill_price": "64000.10",
        "fill_qty_base": "0.0125",
        "fill_qty_quote": "800.00125",
        "fee_asset": "USDT",
        "fee_amount": "0.16000025",
        "liquidity_side": "maker",
    }


def rates(started, cpu):
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    return {"perSecond": (count - warm) / seconds, "cpuMicrosEach": cpu_seconds * 1e6 / (count - warm)}


def set_aside():
    """What was made beforehand is not looked through again and again while the clock runs: no bot holds 100,000 payloads."""
    gc.collect()
    gc.freeze()


def sdk():
    with tempfile.TemporaryDirectory() as folder:
        bot = BotProducer(
            identity,
            brokers=load["broker"],
            registry_url=load["registry"],
            topic_prefix=load["prefix"],
            spool_folder=folder,
        )
        payloads = [payload_of(index) for index in range(count)]
        for payload in payloads[:warm]:
            bot.emit_nowait(EVENT_TYPE, payload)
        bot.flush(300)
        set_aside()
        started, cpu = time.perf_counter(), time.process_time()
        for payload in payloads[warm:]:
            bot.emit_nowait(EVENT_TYPE, payload)
        bot.flush(300)
        took = rates(started, cpu)
        micros = []
        for payload in [payload_of(index) for index in range(TIMED)]:
            before = time.perf_counter_ns()
            bot.emit_nowait(EVENT_TYPE, payload)
            micros.append((time.perf_counter_ns() - before) / 1000)
        bot.close()
    return {**took, "sent": count + TIMED, "micros": micros}


def raw():
    delivered = 0

    def on_delivery(error, _message):
        nonlocal delivered
        assert error is None
        delivered += 1

    producer = Producer(
        {
            "bootstrap.servers": load["broker"],
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 2,
            "batch.size": 512 * 1024,
            "on_delivery": on_delivery,
        }
    )
    topic = f"{load['prefix']}orders"
    producer.list_topics(topic, timeout=20)
    records = []
    for index in range(count):
        event = event_of(identity, EVENT_TYPE, payload_of(index), None)
        key = key_of(event)
        value = b"\0\0\0\0\1" + avro_value(event, None)
        headers = headers_of(event, "bench.raw/7388289024000123", index, None)
        records.append((value, key.encode(), partition_of(key, load["partitions"]), headers))

    def send(some):
        for at, (value, key, partition, headers) in enumerate(some):
            while True:
                try:
                    producer.produce(topic, value, key, partition, headers=headers)
                    break
                except BufferError:
                    producer.poll(0.05)
            if at % POLL_EVERY == 0:
                producer.poll(0)
        producer.flush(300)

    send(records[:warm])
    set_aside()
    started, cpu = time.perf_counter(), time.process_time()
    send(records[warm:])
    took = rates(started, cpu)
    assert delivered == count
    return {**took, "sent": count, "micros": []}


print(json.dumps(sdk() if load["what"] == "sdk" else raw()))

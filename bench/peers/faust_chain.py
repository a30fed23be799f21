"""The chain on Faust (faust-streaming): an agent with a table of its own for each step; steps meet on topics.

Settings: KAFKA_BROKERS, TOPIC_PREFIX, STATE_FOLDER, GUARANTEE, PARTITIONS, WORK (chain, count).
"""

import os
import sys

import faust

PREFIX = os.environ.get("TOPIC_PREFIX", "")
PARTITIONS = int(os.environ.get("PARTITIONS", "4"))
IS_COUNT = os.environ.get("WORK") == "count"
STEPS = ["counted"] if IS_COUNT else ["checked", "accepted", "planned"]

app = faust.App(
    f"{PREFIX}faust",
    broker=";".join(f"kafka://{each}" for each in os.environ["KAFKA_BROKERS"].split(",")),
    datadir=os.environ["STATE_FOLDER"],
    store="rocksdb://?driver=rocksdict",
    processing_guarantee=os.environ.get("GUARANTEE", "at_least_once"),
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    topic_allow_declare=True,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    producer_linger=0.0,
)


def topic(name):
    """Keys and values are bytes."""
    return app.topic(
        f"{PREFIX}chain.{name}",
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=PARTITIONS,
    )


def add_step(source, step):
    """An agent that counts and passes on."""
    target = topic(step)
    counts = app.Table(f"count-{step}", default=int, partitions=PARTITIONS)

    @app.agent(source, name=step)
    async def handle(stream):
        async for event in stream.events():
            key = event.key.decode()
            times = counts[key] + 1
            counts[key] = times
            given = {name: bytes(text).decode() for name, text in dict(event.headers).items()}
            cause = given.get("event_id", "")
            made = {
                "event_id": f"{cause}.{step[0]}",
                "event_type": f"chain.{step}",
                "correlation_id": given.get("correlation_id", ""),
                "causation_id": cause,
                "sequence": str(int(given.get("sequence", "0")) + 1),
                "traceparent": given.get("traceparent", ""),
            }
            if IS_COUNT:
                made["count"] = str(times)
            headers = [(name, text.encode()) for name, text in made.items()]
            await target.send(
                key=event.key, value=event.value, headers=headers, partition=event.message.partition
            )

    return target


flow = topic("submitted")
for step in STEPS:
    flow = add_step(flow, step)

if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--without-web", "-l", "warning"]
    app.main()

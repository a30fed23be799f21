"""The chain on Quix Streams: a count per key and step in its RocksDB state, one topic for the outputs of each step.

Settings: KAFKA_BROKERS, TOPIC_PREFIX, STATE_FOLDER, GUARANTEE, COMMIT_MS, WORK (chain, count).
"""

import os

from quixstreams import Application

PREFIX = os.environ.get("TOPIC_PREFIX", "")
IS_COUNT = os.environ.get("WORK") == "count"
STEPS = ["counted"] if IS_COUNT else ["checked", "accepted", "planned"]

app = Application(
    broker_address=os.environ["KAFKA_BROKERS"],
    consumer_group=f"{PREFIX}quix",
    auto_offset_reset="earliest",
    processing_guarantee=os.environ.get("GUARANTEE", "exactly-once"),
    commit_interval=int(os.environ.get("COMMIT_MS", "5000")) / 1000,
    state_dir=os.environ["STATE_FOLDER"],
    consumer_poll_timeout=0.1,
    consumer_extra_config={
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
        "fetch.wait.max.ms": 100,
    },
    loglevel="WARNING",
)


def topic(name):
    """Keys are text, values the bytes of the input."""
    return app.topic(
        f"{PREFIX}chain.{name}",
        key_deserializer="str",
        key_serializer="str",
        value_deserializer="bytes",
        value_serializer="bytes",
    )


def counted(step):
    """The value with how often its key has come to this step."""

    def count(value, state):
        times = state.get(step, 0) + 1
        state.set(step, times)
        return value, times

    return count


def passed_on(step):
    """The headers of a step's output."""

    def headers(value, key, timestamp, came):
        given = {name: bytes(text).decode() for name, text in came or []}
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
            made["count"] = str(value[1])
        return [(name, text.encode()) for name, text in made.items()]

    return headers


flow = app.dataframe(topic("submitted"))
for step in STEPS:
    flow = flow.apply(counted(step), stateful=True)
    flow = flow.set_headers(passed_on(step))
    flow = flow.apply(lambda value: value[0])
    flow = flow.to_topic(topic(step))

if __name__ == "__main__":
    app.run()

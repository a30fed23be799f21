"""Servers come from the environment, as for the tests in TypeScript."""

import os
import uuid

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from millrace_bots import Identity

PARTITIONS = 4


class BotTopic:
    """A topic ``orders`` of a test's own, behind a prefix of its own."""

    def __init__(self, brokers):
        self.brokers = brokers
        self.prefix = f"py-{uuid.uuid4()}."
        self.name = f"{self.prefix}orders"
        self._admin = AdminClient({"bootstrap.servers": brokers})
        names = [self.name, f"{self.prefix}orders.sent"]
        for done in self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
            done.result()
        self._names = names

    def records(self, name=None):
        """All records as they are now, in the order of each partition."""
        topic = name or self.name
        settings = {"group.id": "none", "enable.auto.commit": False, "fetch.wait.max.ms": 10}
        consumer = Consumer({"bootstrap.servers": self.brokers, **settings})
        found = []
        try:
            for partition in range(PARTITIONS):
                start, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
                consumer.assign([TopicPartition(topic, partition, start)])
                while start < end:
                    message = consumer.poll(20)
                    assert message is not None and message.error() is None
                    start = message.offset() + 1
                    found.append(message)
        finally:
            consumer.close()
        return found

    def remove(self):
        for done in self._admin.delete_topics(self._names).values():
            done.result()


@pytest.fixture(scope="session")
def topic():
    own = BotTopic(os.environ["KAFKA_BROKERS"])
    yield own
    own.remove()


@pytest.fixture
def options(topic, tmp_path):
    """What every producer of a test is given."""
    return {
        "brokers": topic.brokers,
        "registry_url": os.environ["SCHEMA_REGISTRY_URL"],
        "topic_prefix": topic.prefix,
        "spool_folder": tmp_path / "spool",
    }


@pytest.fixture
def identity():
    return Identity("epp", f"bot-{uuid.uuid4()}", "epp_v2_4", "bitget", "BTC-USDT")

"""Does transactions as it is told. See .."""

import asyncio

from commands import Reading, flags, serve, values
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaException, Producer, TopicPartition

BOOTSTRAP = {"bootstrap.servers": flags["bootstrap"]}


def consumer(group, **more):
    return Consumer({**BOOTSTRAP, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest", **more})


class Worker:
    def __init__(self):
        timeout = int(flags["timeout"])
        self._producer = Producer({
            **BOOTSTRAP,
            "transactional.id": flags["id"],
            "transaction.timeout.ms": timeout,
            # Not longer than that, or the client refuses it.
            "message.timeout.ms": timeout,
        })
        self._consumer = None
        self._taken = {}
        if "group" in flags:
            self._consumer = consumer(flags["group"], **{"session.timeout.ms": int(flags["session"])})
            self._consumer.subscribe([flags["from"]])

    def init(self):
        self._producer.init_transactions()

    def begin(self):
        self._producer.begin_transaction()

    def send(self, topic, partition, name, n):
        self._produce((topic, int(partition), v) for v in values(name, n))

    def _produce(self, records):
        errors = []
        for topic, partition, value in records:
            self._producer.produce(topic, value, partition=partition, on_delivery=lambda e, _: errors.append(e) if e else None)
        self._producer.flush()
        if errors:
            raise KafkaException(errors[0])

    def take(self):
        messages = [m for m in self._consumer.consume(100, timeout=1) if not m.error()]
        if not messages:
            return {"count": 0}
        self.begin()
        self._taken = {m.partition(): TopicPartition(m.topic(), m.partition(), m.offset() + 1) for m in messages}
        self._produce((flags["to"], m.partition(), m.value()) for m in messages)
        return {"count": len(messages)}

    def offsets(self):
        self._producer.send_offsets_to_transaction(list(self._taken.values()), self._consumer.consumer_group_metadata())

    def commit(self):
        self._producer.commit_transaction()

    def abort(self):
        self._producer.abort_transaction()
        if self._consumer is None:
            return
        for p in self._consumer.committed(self._consumer.assignment()):
            if p.offset == OFFSET_INVALID:
                p.offset = OFFSET_BEGINNING
            self._consumer.seek(p)

    def read(self, topic, level, partitions):
        reader = consumer("reads", **{"isolation.level": "read_" + level})
        reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(int(partitions))])
        reading = Reading(partitions)
        while not reading.done:
            m = reader.poll(1)
            if m is None:
                continue
            if m.error():
                raise KafkaException(m.error())
            reading.add(m.partition(), m.offset(), m.value())
        reader.close()
        return {"records": reading.records}


asyncio.run(serve(Worker()))

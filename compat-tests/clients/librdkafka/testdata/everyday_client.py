"""confluent-kafka in everyday use, as it is told. See ../../everyday."""

import asyncio

from confluent_kafka import OFFSET_BEGINNING, TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
)
from everyday import BOOTSTRAP, read_record, serve


def of(m):
    kind, timestamp = m.timestamp()
    return read_record(m.partition(), m.offset(), -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp, m.key(), m.value(), m.headers())


def poll(consumer, count):
    records, last = [], {}
    while len(records) < count:
        m = consumer.poll(0.2)
        if m is None:
            continue
        if m.error():
            raise KafkaException(m.error())
        records.append(of(m))
        last[m.partition()] = TopicPartition(m.topic(), m.partition(), m.offset() + 1)
    return records, last


def resource(topic, entries=None):
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)


class Client:
    def __init__(self):
        self._producers = {}
        self._admin = AdminClient({"bootstrap.servers": BOOTSTRAP})

    def _send(self, producer, topic, records):
        errors = []
        for r in records:
            producer.produce(
                topic, r.value, r.key, partition=r.partition, timestamp=r.timestamp, headers=r.headers,
                on_delivery=lambda e, _: errors.append(e) if e else None)
        producer.flush()
        if errors:
            raise KafkaException(errors[0])

    def produce(self, topic, codec, idempotent, records):
        producer = self._producers.get((codec, idempotent))
        if producer is None:
            # snippet: producer
            producer = Producer({
                "bootstrap.servers": BOOTSTRAP,
                "compression.codec": codec,
                "enable.idempotence": idempotent,
            })
            # snippet: end
            self._producers[codec, idempotent] = producer
        self._send(producer, topic, records)

    def transact(self, topic, name, commit, records):
        producer = self._producers.get(name)
        if producer is None:
            producer = self._producers[name] = Producer({"bootstrap.servers": BOOTSTRAP, "transactional.id": name})
            producer.init_transactions()
        producer.begin_transaction()
        self._send(producer, topic, records)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    def read(self, topic, partitions, count, level):
        consumer = Consumer({
            "bootstrap.servers": BOOTSTRAP, "group.id": "reads", "enable.auto.commit": False, "isolation.level": "read_" + level,
        })
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
        records, _ = poll(consumer, count)
        consumer.close()
        return {"records": records}

    def join(self, topic, group, protocol):
        # snippet: consumer
        self._member = Consumer({
            "bootstrap.servers": BOOTSTRAP,
            "group.id": group,
            "group.protocol": protocol,  # "classic", the default, or "consumer"
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        })
        self._member.subscribe([topic])
        # snippet: end

    def take(self, count):
        records, self._taken = poll(self._member, count)
        return {"records": records}

    def commit(self):
        self._member.commit(offsets=list(self._taken.values()), asynchronous=False)

    def leave(self):
        self._member.close()

    def create(self, topic, partitions, name, value):
        self._admin.create_topics([NewTopic(topic, partitions, 1, config={name: value})])[topic].result()

    def list(self):
        return {"topics": list(self._admin.list_topics().topics)}

    def describe(self, topic):
        return {"partitions": len(self._admin.list_topics(topic).topics[topic].partitions)}

    def config(self, topic, name):
        [answer] = self._admin.describe_configs([resource(topic)]).values()
        return {"value": answer.result()[name].value}

    def alter(self, topic, name, value):
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        [answer] = self._admin.incremental_alter_configs([resource(topic, [entry])]).values()
        answer.result()

    def grow(self, topic, partitions):
        self._admin.create_partitions([NewPartitions(topic, partitions)])[topic].result()

    def delete(self, topic):
        self._admin.delete_topics([topic])[topic].result()

    def offset(self, topic, partition, at):
        spec = {"earliest": OffsetSpec.earliest, "latest": OffsetSpec.latest}.get(at, lambda: OffsetSpec.for_timestamp(at))()
        [answer] = self._admin.list_offsets({TopicPartition(topic, partition): spec}).values()
        return {"offset": answer.result().offset}


asyncio.run(serve(Client()))

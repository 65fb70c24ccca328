"""kafka-python in everyday use, as it is told. See ../../everyday."""

import asyncio

from everyday import BOOTSTRAP, read_record, serve
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic


def of(m):
    return read_record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)


def poll(consumer, count):
    """Takes no more than that: the position is what a commit is of."""
    records = []
    while len(records) < count:
        for batch in consumer.poll(1000, max_records=count - len(records)).values():
            records += [of(m) for m in batch]
    return {"records": records}


class Client:
    def __init__(self):
        self._producers = {}
        self._admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)

    def _send(self, producer, topic, records):
        sent = [
            producer.send(topic, r.value, r.key, partition=r.partition, timestamp_ms=r.timestamp, headers=r.headers)
            for r in records
        ]
        producer.flush()
        for f in sent:
            f.get(60)

    def produce(self, topic, codec, idempotent, records):
        producer = self._producers.get((codec, idempotent))
        if producer is None:
            # snippet: producer
            producer = KafkaProducer(
                bootstrap_servers=BOOTSTRAP,
                acks="all",
                compression_type=None if codec == "none" else codec,
                enable_idempotence=idempotent,
            )
            # snippet: end
            self._producers[codec, idempotent] = producer
        self._send(producer, topic, records)

    def transact(self, topic, name, commit, records):
        producer = self._producers.get(name)
        if producer is None:
            producer = self._producers[name] = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=name)
            producer.init_transactions()
        producer.begin_transaction()
        self._send(producer, topic, records)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    def read(self, topic, partitions, count, level):
        consumer = KafkaConsumer(
            bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_" + level)
        consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
        answer = poll(consumer, count)
        consumer.close()
        return answer

    def join(self, topic, group, _):
        # snippet: consumer
        self._member = KafkaConsumer(
            topic,
            bootstrap_servers=BOOTSTRAP,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        # snippet: end

    def take(self, count):
        return poll(self._member, count)

    def commit(self):
        self._member.commit()

    def leave(self):
        self._member.close()

    def create(self, topic, partitions, name, value):
        self._admin.create_topics([NewTopic(topic, partitions, 1, topic_configs={name: value})])

    def list(self):
        return {"topics": self._admin.list_topics()}

    def describe(self, topic):
        [description] = self._admin.describe_topics([topic])
        return {"partitions": len(description["partitions"])}

    def config(self, topic, name):
        answer = self._admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
        return {"value": answer["topic"][topic][name]["value"]}

    def alter(self, topic, name, value):
        self._admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})])

    def grow(self, topic, partitions):
        self._admin.create_partitions({topic: partitions})

    def delete(self, topic):
        self._admin.delete_topics([topic])

    def offset(self, topic, partition, at):
        consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP)
        p = TopicPartition(topic, partition)
        try:
            if at == "earliest":
                return {"offset": consumer.beginning_offsets([p])[p]}
            if at == "latest":
                return {"offset": consumer.end_offsets([p])[p]}
            found = consumer.offsets_for_times({p: at})[p]
            return {"offset": -1 if found is None else found.offset}
        finally:
            consumer.close()


asyncio.run(serve(Client()))

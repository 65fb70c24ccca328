"""aiokafka in everyday use, as it is told. See ../../everyday."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from everyday import BOOTSTRAP, read_record, serve


def of(m):
    return read_record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)


async def poll(consumer, count):
    records = []
    while len(records) < count:
        records.append(of(await consumer.getone()))
    return {"records": records}


class Client:
    def __init__(self):
        self._producers = {}

    async def _producer(self, name, **settings):
        if name not in self._producers:
            self._producers[name] = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **settings)
            await self._producers[name].start()
        return self._producers[name]

    async def _send(self, producer, topic, records):
        sent = [
            await producer.send(topic, r.value, r.key, partition=r.partition, timestamp_ms=r.timestamp, headers=r.headers)
            for r in records
        ]
        await asyncio.gather(*sent)

    async def produce(self, topic, codec, idempotent, records):
        # snippet: producer
        settings = {
            "acks": "all",
            "compression_type": None if codec == "none" else codec,
            "enable_idempotence": idempotent,
        }
        # snippet: end
        await self._send(await self._producer((codec, idempotent), **settings), topic, records)

    async def transact(self, topic, name, commit, records):
        producer = await self._producer(name, transactional_id=name)
        await producer.begin_transaction()
        await self._send(producer, topic, records)
        if commit:
            await producer.commit_transaction()
        else:
            await producer.abort_transaction()

    async def read(self, topic, partitions, count, level):
        consumer = AIOKafkaConsumer(
            bootstrap_servers=BOOTSTRAP, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_" + level)
        await consumer.start()
        consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
        answer = await poll(consumer, count)
        await consumer.stop()
        return answer

    async def join(self, topic, group, _):
        # snippet: consumer
        self._member = AIOKafkaConsumer(
            topic,
            bootstrap_servers=BOOTSTRAP,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await self._member.start()
        # snippet: end

    async def take(self, count):
        return await poll(self._member, count)

    async def commit(self):
        await self._member.commit()

    async def leave(self):
        await self._member.stop()

    async def _admin(self, do):
        admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
        await admin.start()
        try:
            return await do(admin)
        finally:
            await admin.close()

    async def create(self, topic, partitions, name, value):
        await self._admin(lambda a: a.create_topics([NewTopic(topic, partitions, 1, topic_configs={name: value})]))

    async def list(self):
        return {"topics": await self._admin(lambda a: a.list_topics())}

    async def describe(self, topic):
        [description] = await self._admin(lambda a: a.describe_topics([topic]))
        return {"partitions": len(description["partitions"])}

    async def config(self, topic, name):
        [answer] = await self._admin(lambda a: a.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)]))
        for resource in answer.resources:
            for entry in resource[4]:
                if entry[0] == name:
                    return {"value": entry[1]}
        raise KeyError(name)

    async def alter(self, topic, name, value):
        await self._admin(lambda a: a.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})]))

    async def grow(self, topic, partitions):
        await self._admin(lambda a: a.create_partitions({topic: NewPartitions(partitions)}))

    async def delete(self, topic):
        await self._admin(lambda a: a.delete_topics([topic]))

    async def offset(self, topic, partition, at):
        consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP)
        await consumer.start()
        p = TopicPartition(topic, partition)
        try:
            if at == "earliest":
                return {"offset": (await consumer.beginning_offsets([p]))[p]}
            if at == "latest":
                return {"offset": (await consumer.end_offsets([p]))[p]}
            found = (await consumer.offsets_for_times({p: at}))[p]
            return {"offset": -1 if found is None else found.offset}
        finally:
            await consumer.stop()


async def main():
    await serve(Client())


asyncio.run(main())

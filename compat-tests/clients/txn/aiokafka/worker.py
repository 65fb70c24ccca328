"""Does transactions as it is told. See .."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from commands import Reading, flags, serve, values

BOOTSTRAP = {"bootstrap_servers": flags["bootstrap"]}


class Worker:
    def __init__(self):
        self._producer = AIOKafkaProducer(**BOOTSTRAP, transactional_id=flags["id"], transaction_timeout_ms=int(flags["timeout"]))
        self._consumer = None
        self._taken = {}

    async def init(self):
        await self._producer.start()
        if "group" in flags:
            self._consumer = AIOKafkaConsumer(
                flags["from"], **BOOTSTRAP, group_id=flags["group"], session_timeout_ms=int(flags["session"]),
                heartbeat_interval_ms=500, enable_auto_commit=False, auto_offset_reset="earliest",
            )
            await self._consumer.start()

    async def begin(self):
        await self._producer.begin_transaction()

    async def send(self, topic, partition, name, n):
        await self._produce((topic, int(partition), v) for v in values(name, n))

    async def _produce(self, records):
        sent = [await self._producer.send(topic, value, partition=partition) for topic, partition, value in records]
        await asyncio.gather(*sent)

    async def take(self):
        taken = {p: ms for p, ms in (await self._consumer.getmany(timeout_ms=1000)).items() if ms}
        if not taken:
            return {"count": 0}
        await self.begin()
        self._taken = {p: ms[-1].offset + 1 for p, ms in taken.items()}
        messages = [m for ms in taken.values() for m in ms]
        await self._produce((flags["to"], m.partition, m.value) for m in messages)
        return {"count": len(messages)}

    async def offsets(self):
        await self._producer.send_offsets_to_transaction(self._taken, flags["group"])

    async def commit(self):
        await self._producer.commit_transaction()

    async def abort(self):
        await self._producer.abort_transaction()
        if self._consumer is not None:
            await self._consumer.seek_to_committed()

    async def read(self, topic, level, partitions):
        reader = AIOKafkaConsumer(**BOOTSTRAP, isolation_level="read_" + level, auto_offset_reset="earliest")
        reading = Reading(partitions)
        async with reader:
            all = [TopicPartition(topic, p) for p in range(int(partitions))]
            reader.assign(all)
            await reader.seek_to_beginning(*all)
            while not reading.done:
                m = await reader.getone()
                reading.add(m.partition, m.offset, m.value)
        return {"records": reading.records}


async def main():
    await serve(Worker())


asyncio.run(main())

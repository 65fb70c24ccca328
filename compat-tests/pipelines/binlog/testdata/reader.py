"""Copies the row changes of one table from a MariaDB binlog to a topic.

usage: reader.py BROKER DATABASE_PORT SCHEMA TABLE TOPIC POSITIONS

Each transaction of the database is one transaction of the broker: its changes, and
where the binlog goes on, which is a record of the compacted topic POSITIONS. So a
reader that comes after another, or after itself, has every change once and in order.
It ends at the first error that is not passing by; whoever runs it starts it again.
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import XidEvent
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

BROKER, PORT, SCHEMA, TABLE, TOPIC, POSITIONS = sys.argv[1:]
NAME = f"{SCHEMA}.{TABLE}"  # of this pipeline: its transactional id and the key of its position


def last_position():
    """The newest position that a transaction has committed, or nothing."""
    consumer = Consumer({
        "bootstrap.servers": BROKER,
        "group.id": NAME,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    })
    consumer.assign([TopicPartition(POSITIONS, 0, OFFSET_BEGINNING)])
    position = {}
    while True:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() is None:
            if message.key() == NAME.encode():
                position = json.loads(message.value())
        elif message.error().code() == KafkaError._PARTITION_EOF:
            consumer.close()
            return position
        elif not message.error().retriable():
            raise KafkaException(message.error())


def patiently(call):
    """Calls what may be called again while the broker is away."""
    while True:
        try:
            return call(30)
        except KafkaException as e:
            if not e.args[0].retriable():
                raise


def changes(event):
    for row in event.rows:
        if isinstance(event, WriteRowsEvent):
            yield "c", None, row["values"]
        elif isinstance(event, UpdateRowsEvent):
            yield "u", row["before_values"], row["after_values"]
        else:
            yield "d", row["values"], None


def send(producer, topic, key, value):
    text = None if value is None else json.dumps(value, default=str)
    producer.produce(topic, key=key, value=text)


def main():
    producer = Producer({
        "bootstrap.servers": BROKER,
        "transactional.id": NAME,
        "linger.ms": 0,
    })
    patiently(producer.init_transactions)  # whoever was here before is fenced from now on
    stream = BinLogStreamReader(
        connection_settings={"host": "127.0.0.1", "port": int(PORT), "user": "root", "passwd": ""},
        server_id=100,
        blocking=True,
        resume_stream=True,
        is_mariadb=True,
        only_schemas=[SCHEMA],
        only_tables=[TABLE],
        only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent, XidEvent],
        **last_position(),
    )
    changed = False
    for event in stream:
        if not isinstance(event, XidEvent):
            if not changed:
                producer.begin_transaction()
                changed = True
            for op, before, after in changes(event):
                key = str((after or before)[event.primary_key])
                send(producer, TOPIC, key, {"op": op, "before": before, "after": after})
                if op == "d":
                    send(producer, TOPIC, key, None)
        elif changed:
            send(producer, POSITIONS, NAME, {"log_file": stream.log_file, "log_pos": stream.log_pos})
            patiently(producer.commit_transaction)
            changed = False


main()

"""Copies the row changes of one table from a MariaDB binlog to a topic.

usage: reader.py BROKER DATABASE_PORT SCHEMA TABLE TOPIC POSITIONS

Each transaction of the database is one transaction of the broker: its changes, and
its GTID, which is a record of the compacted topic POSITIONS. So a
reader that comes after another, or after itself, has every change once and in order.
It ends at the first error that is not passing by; whoever runs it starts it again.
"""

import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.event import MariadbGtidEvent, XidEvent
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

BROKER, PORT, SCHEMA, TABLE, TOPIC, POSITIONS = sys.argv[1:]
NAME = f"{SCHEMA}.{TABLE}"  # of this pipeline: its transactional id and the key of its position


def last_position():
    """The GTID of the last transaction that is in the topic; None is the binlog's begin."""
    consumer = Consumer({
        "bootstrap.servers": BROKER,
        "group.id": NAME,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": "read_committed",
    })
    consumer.assign([TopicPartition(POSITIONS, 0, OFFSET_BEGINNING)])
    position = None
    while True:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error() is None:
            if message.key() == NAME.encode():
                position = message.value().decode()
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
    producer.produce(topic, key=key, value=None if value is None else json.dumps(value, default=str))


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
        is_mariadb=True,
        auto_position=last_position(),
        only_schemas=[SCHEMA],
        only_tables=[TABLE],
        only_events=[MariadbGtidEvent, WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent, XidEvent],
    )
    gtid, changed = None, False
    for event in stream:
        if isinstance(event, MariadbGtidEvent):
            gtid = event.gtid
        elif not isinstance(event, XidEvent):
            if not changed:
                producer.begin_transaction()
                changed = True
            for op, before, after in changes(event):
                key = str((after or before)[event.primary_key])
                send(producer, TOPIC, key, {"op": op, "before": before, "after": after})
                if op == "d":
                    send(producer, TOPIC, key, None)
        elif changed:
            producer.produce(POSITIONS, key=NAME, value=gtid)
            patiently(producer.commit_transaction)
            changed = False


main()

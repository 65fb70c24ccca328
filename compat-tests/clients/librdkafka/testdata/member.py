"""A member of a group. See ../../groups."""

import sys

from confluent_kafka import Consumer, KafkaException
from scenario import flags, ready, say, stopping, take


def moved(event):
    # The Python client does not show the generation.
    return lambda _, partitions: say(event, generation=-1, partitions=[p.partition for p in partitions])


def committed(error, partitions):
    if error is not None:
        say("error", text=str(error))
        return
    say("committed", offsets={str(p.partition): p.offset for p in partitions if p.error is None and p.offset >= 0})


config = {
    "bootstrap.servers": flags["bootstrap"],
    "group.id": flags["group"],
    "group.protocol": flags["protocol"],
    "auto.offset.reset": flags["reset"],
    "auto.commit.interval.ms": 200,
    # Else what is committed may not have been handled yet: a crash would lose it.
    "enable.auto.offset.store": False,
    "fetch.wait.max.ms": 100,
    "on_commit": committed,
    "error_cb": lambda e: say("error", text=str(e)),
}
if "instance" in flags:
    config["group.instance.id"] = flags["instance"]
if flags["protocol"] == "classic":
    config["session.timeout.ms"] = int(flags["session"])
    config["heartbeat.interval.ms"] = int(flags["heartbeat"])
    config["partition.assignment.strategy"] = flags["assignor"]

consumer = Consumer(config)
ready()
consumer.subscribe([flags["topic"]], on_assign=moved("assigned"), on_revoke=moved("revoked"), on_lost=moved("lost"))
while not stopping():
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        say("error", text=str(message.error()))
        if message.error().fatal():
            sys.exit(1)
        continue
    take(message.partition(), message.offset(), message.value())
    try:
        consumer.store_offsets(message)
    except KafkaException as e:
        say("error", text=str(e))  # The partition was taken away meanwhile.
say("closing")
consumer.close()
say("closed")

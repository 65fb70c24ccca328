"""A member of a group: KEY=VALUE arguments, commands on stdin, one JSON line
on stdout for all that happens. See ../../groups."""

import json
import os
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException

flags = dict(a.split("=", 1) for a in sys.argv[1:])
go = threading.Event()
stop = threading.Event()
pace = 0.0
lock = threading.Lock()


def say(event, **more):
    """Says what happened, and when by a clock that all processes of a machine have in common."""
    with lock:
        print(json.dumps({"at": time.monotonic_ns(), "event": event, **more}), flush=True)


def obey():
    """go: join. stop: leave the group. pace N: take N ms for each record. The end of the input is the end of the test."""
    global pace
    for line in sys.stdin:
        if line == "go\n":
            go.set()
        elif line == "stop\n":
            stop.set()
        elif line.startswith("pace "):
            pace = int(line[5:]) / 1000
    if not stop.is_set():
        os._exit(3)


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

threading.Thread(target=obey, daemon=True).start()
consumer = Consumer(config)
say("ready")
go.wait()
consumer.subscribe([flags["topic"]], on_assign=moved("assigned"), on_revoke=moved("revoked"), on_lost=moved("lost"))
while not stop.is_set():
    message = consumer.poll(0.1)
    if message is None:
        continue
    if message.error():
        say("error", text=str(message.error()))
        if message.error().fatal():
            sys.exit(1)
        continue
    time.sleep(pace)
    say("record", partition=message.partition(), offset=message.offset(), value=message.value().decode())
    try:
        consumer.store_offsets(message)
    except KafkaException as e:
        say("error", text=str(e))  # The partition was taken away meanwhile.
say("closing")
consumer.close()
say("closed")

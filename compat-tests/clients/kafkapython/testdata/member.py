"""A member of a group: KEY=VALUE arguments, commands on stdin, one JSON line
on stdout for all that happens. See ../../groups."""

import json
import os
import sys
import threading
import time

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor

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


class Moves(ConsumerRebalanceListener):
    def say(self, event, partitions):
        say(event, generation=consumer._coordinator._generation.generation_id, partitions=[p.partition for p in partitions])

    def on_partitions_assigned(self, assigned):
        self.say("assigned", assigned)

    def on_partitions_revoked(self, revoked):
        self.say("revoked", revoked)

    def on_partitions_lost(self, lost):
        self.say("lost", lost)


def committed(offsets, response):
    if isinstance(response, Exception):
        say("error", text=repr(response))
        return
    say("committed", offsets={str(p.partition): o.offset for p, o in offsets.items()})


more = {"group_instance_id": flags["instance"]} if "instance" in flags else {}
threading.Thread(target=obey, daemon=True).start()
consumer = KafkaConsumer(
    bootstrap_servers=flags["bootstrap"],
    group_id=flags["group"],
    auto_offset_reset=flags["reset"],
    auto_commit_interval_ms=200,
    default_offset_commit_callback=committed,
    session_timeout_ms=int(flags["session"]),
    heartbeat_interval_ms=int(flags["heartbeat"]),
    fetch_max_wait_ms=100,
    partition_assignment_strategy=[
        {"range": RangePartitionAssignor, "cooperative-sticky": CooperativeStickyAssignor}[flags["assignor"]]
    ],
    **more,
)
say("ready")
go.wait()
consumer.subscribe([flags["topic"]], listener=Moves())
while not stop.is_set():
    for records in consumer.poll(timeout_ms=100, max_records=10).values():
        for r in records:
            time.sleep(pace)
            say("record", partition=r.partition, offset=r.offset, value=r.value.decode())
say("closing")
consumer.close()
say("closed")

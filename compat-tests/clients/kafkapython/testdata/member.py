"""A member of a group. See ../../groups."""

from kafka import ConsumerRebalanceListener, KafkaConsumer
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from scenario import flags, ready, say, stopping, take


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
ready()
consumer.subscribe([flags["topic"]], listener=Moves())
while not stopping():
    # Far longer than a rebalance: what a join brings that ends between two polls is lost.
    for records in consumer.poll(timeout_ms=5000, max_records=10).values():
        for r in records:
            take(r.partition, r.offset, r.value)
say("closing")
consumer.close()
say("closed")

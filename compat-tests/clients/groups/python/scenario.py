"""What the members in Python have in common: KEY=VALUE arguments, commands on
stdin, one JSON line on stdout for all that happens. See ../doc.go."""

import json
import os
import sys
import threading
import time

flags = dict(a.split("=", 1) for a in sys.argv[1:])
_go = threading.Event()
_stop = threading.Event()
_lock = threading.Lock()
_pace = 0.0


def say(event, **more):
    """Says what happened, and when by a clock that all processes of a machine have in common."""
    with _lock:
        print(json.dumps({"at": time.monotonic_ns(), "event": event, **more}), flush=True)


def ready():
    """Says so and waits for the word to join."""
    threading.Thread(target=_obey, daemon=True).start()
    say("ready")
    _go.wait()


def stopping():
    return _stop.is_set()


def take(partition, offset, value):
    """Takes a record, in its time."""
    time.sleep(_pace)
    say("record", partition=partition, offset=offset, value=value.decode())


def _obey():
    """go: join. stop: leave the group. pace N: take N ms for each record. The end of the input is the end of the test."""
    global _pace
    for line in sys.stdin:
        if line == "go\n":
            _go.set()
        elif line == "stop\n":
            _stop.set()
        elif line.startswith("pace "):
            _pace = int(line[5:]) / 1000
    if not _stop.is_set():
        os._exit(3)

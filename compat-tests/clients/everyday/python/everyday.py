"""What the programs in Python have in common: KEY=VALUE arguments, commands on
stdin, one JSON line on stdout for each. See ../doc.go."""

import asyncio
import inspect
import json
import sys
from collections import namedtuple

flags = dict(a.split("=", 1) for a in sys.argv[1:])
BOOTSTRAP = flags["bootstrap"]

Record = namedtuple("Record", "partition timestamp key value headers")


def _bytes(field):
    return None if field == "-" else field.encode()


def parse(word):
    partition, timestamp, key, value, headers = word.split("|")
    pairs = [h.split("=", 1) for h in headers.split(",") if h]
    return Record(int(partition), int(timestamp), _bytes(key), _bytes(value), [(k, v.encode()) for k, v in pairs])


def read_record(partition, offset, timestamp, key, value, headers):
    """A record that was read, as JSON has it."""
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": None if key is None else key.decode(),
        "value": None if value is None else value.decode(),
        "headers": [[k, v.decode()] for k, v in headers or []],
    }


def _arguments(command, args):
    """The arguments of a command as its method wants them."""
    if command == "produce":
        topic, codec, idempotent, *records = args
        return topic, codec, idempotent == "true", [parse(r) for r in records]
    if command == "transact":
        topic, name, ending, *records = args
        return topic, name, ending == "commit", [parse(r) for r in records]
    if command == "create":
        topic, partitions, config = args
        return topic, partitions, *config.split("=", 1)
    if command == "alter":
        topic, config = args
        return topic, *config.split("=", 1)
    return args


async def serve(client):
    """Calls the client's method of the command's name, until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, *args = line.rstrip("\n").split(" ")
        numbers = ("read", "take", "grow", "offset", "create")
        try:
            args = [int(a) if command in numbers and a.isdigit() else a for a in _arguments(command, args)]
            answer = getattr(client, command)(*args)
            if inspect.isawaitable(answer):
                answer = await answer
            answer = {"ok": True, **(answer or {})}
        except Exception as e:
            answer = {"error": repr(e)}
        print(json.dumps(answer), flush=True)

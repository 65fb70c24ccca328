"""What the programs in Python have in common: KEY=VALUE arguments, commands on
stdin, one JSON line on stdout for each. See ../doc.go."""

import asyncio
import inspect
import json
import sys

flags = dict(a.split("=", 1) for a in sys.argv[1:])


class Reading:
    """What was read so far, and whether each of the partitions has given its last record."""

    def __init__(self, partitions):
        self.records = []
        self._left = int(partitions)

    def add(self, partition, offset, value):
        self.records.append({"partition": partition, "offset": offset, "value": value.decode()})
        if value == b"end":
            self._left -= 1

    @property
    def done(self):
        return self._left == 0


def values(name, n):
    return [f"{name}.{i}".encode() for i in range(int(n))]


async def serve(worker):
    """Calls the worker's method of the command's name, until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command, *args = line.split()
        try:
            answer = getattr(worker, command)(*args)
            if inspect.isawaitable(answer):
                answer = await answer
            answer = {"ok": True, **(answer or {})}
        except Exception as e:
            answer = {"error": repr(e)}
        print(json.dumps(answer), flush=True)

"""What a durable answer costs at least: MLLP, one SQLite writer with group commit, and nothing else.

No parsing but MSH-10, no sealing, no audit, no resends but by primary key, no limits, no time-outs; the same
file system and the same `synchronous=FULL` as the engine that is measured beside it. Two of them: `plain` is
what one writes with asyncio's streams, `tuned` the least that Python can do (a protocol on uvloop, no future
and no task for a message).

    python -m tests.bench.bare_listener plain|tuned PORT DATABASE
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
import time
from typing import Any

import uvloop

_MOST_TOGETHER = 512
_ANSWER = b"\x0bMSH|^~\\&|BARE|B|LIS|WARDLAB|20261122||ACK^R01^ACK|1|P|2.5.1\rMSA|AA|%b\r\x1c\r"


def write(path: str, waiting: queue.SimpleQueue[Any], loop: asyncio.AbstractEventLoop) -> None:
    """The writer: all that waits goes into one commit, then everybody is told."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE message (id TEXT PRIMARY KEY, body BLOB, received REAL)")
    while True:
        batch = [waiting.get()]
        while len(batch) < _MOST_TOGETHER and not waiting.empty():
            batch.append(waiting.get())
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT OR IGNORE INTO message VALUES (?, ?, ?)", [row for row, _ in batch])
        database.execute("COMMIT")
        loop.call_soon_threadsafe(_tell, batch)


def _tell(batch: list[Any]) -> None:
    for (control_id, _, _), done in batch:
        done(control_id)


class Connection(asyncio.Protocol):
    """Takes one message at a time, as senders do."""

    def __init__(self, waiting: queue.SimpleQueue[Any]) -> None:
        self._waiting = waiting
        self._unread = bytearray()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._unread += data
        while (end := self._unread.find(b"\x1c\r")) >= 0:
            message = bytes(self._unread[1:end])
            del self._unread[: end + 2]
            control_id = message.split(b"|", 10)[9]
            self._waiting.put(((control_id, message, time.time()), self.answer))

    def answer(self, control_id: bytes) -> None:
        self._transport.write(_ANSWER % control_id)


async def serve_tuned(port: int, waiting: queue.SimpleQueue[Any]) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(waiting), "127.0.0.1", port)
    await server.serve_forever()


async def serve_plain(port: int, waiting: queue.SimpleQueue[Any]) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                block = await reader.readuntil(b"\x1c\r")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            message = block[block.index(b"\x0b") + 1 : -2]
            stored = loop.create_future()
            row = (message.split(b"|", 10)[9], message, time.time())
            waiting.put((row, stored.set_result))
            writer.write(_ANSWER % await stored)
            await writer.drain()

    server = await asyncio.start_server(converse, "127.0.0.1", port, limit=2**26)
    await server.serve_forever()


async def main(kind: str, port: int, path: str) -> None:
    """Start the writer and serve."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    loop = asyncio.get_running_loop()
    threading.Thread(target=write, args=(path, waiting, loop), daemon=True).start()
    await {"plain": serve_plain, "tuned": serve_tuned}[kind](port, waiting)


if __name__ == "__main__":
    new_loop = {"plain": asyncio.new_event_loop, "tuned": uvloop.new_event_loop}[sys.argv[1]]
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))

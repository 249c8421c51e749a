"""The listener of the `mllp` role with nothing behind it: what the protocol itself costs. PORT is its argument."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from integration.transports.mllp.listener import Listener
from integration.transports.mllp.terms import Peer

_ANSWER = b"MSH|^~\\&|ALONE|A|LIS|WARDLAB|20261122||ACK^R01^ACK|1|P|2.5.1\rMSA|AA|%b\r"


async def answer(payload: bytes, _: Peer) -> bytes:
    """Accept, and forget."""
    return _ANSWER % payload.split(b"|", 10)[9]


async def main(port: int) -> None:
    """Serve until killed."""
    listener = Listener(answer)
    await listener.listen("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

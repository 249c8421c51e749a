"""Couriers: bytes to one destination, with the errors that say what to do about a failure.

Owns connections that stay open between messages and the meaning of an acknowledgement. Knows nothing of the
outbox and of what it carries.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from integration.clients import mllp
from integration.errors import (
    DestinationBusy,
    DestinationRefused,
    DestinationSilent,
    DestinationUnreachable,
    StoreUnavailable,
)

#: Table 0008: later it may be taken.
_FOR_NOW: Final = frozenset({"AR", "CR"})
#: Codes of table 0357 and the like: what is longer or holds anything else may quote a patient.
_CODE: Final = re.compile(r"[A-Za-z0-9]{1,8}")
_MOST_ERRORS: Final = 8
_SEGMENT_ENDS: Final = re.compile(rb"[\r\n]+")


class MllpCourier:
    """Sends messages over a pool of MLLP connections, each with one message in hand."""

    def __init__(self, receiver: mllp.Receiver, *, connections: int = 1) -> None:
        """Remember the receiver.

        Args:
            receiver: where to; connected to when the first message is carried.
            connections: how many may be open at once; callers beyond that wait for one.
        """
        self._receiver = receiver
        self._places = threading.BoundedSemaphore(connections)
        self._lock = threading.Lock()
        self._idle: list[mllp.Sender] = []

    def carry(self, content: bytes, *, name: str) -> str | None:  # noqa: ARG002 - MSH-10 names it
        """Send a message and read its acknowledgement: the codes of MSA-1 and ERR-3 or ERR-1.

        An acknowledgement is not acknowledged: it counts as taken once it is sent.

        Raises:
            DestinationUnreachable: no connection.
            DestinationSilent: no answer with its MSH-10 in MSA-2 came in time, or the connection broke.
            DestinationBusy: AR or CR.
            DestinationRefused: AE or CE, another code, or MLLP cannot carry it.
        """
        with self._sender() as sender:
            try:
                if mllp.is_acknowledgement(content):
                    sender.tell(content)
                    return None
                answer = sender.send(content)
            except mllp.Unreachable as error:
                raise DestinationUnreachable(str(error)) from error
            except mllp.Unanswered as error:
                raise DestinationSilent(str(error)) from error
            except mllp.Unsendable as error:
                raise DestinationRefused(str(error), response="unsendable") from error
        response = codes_of(answer)
        if answer.accepted:
            return response
        if answer.code in _FOR_NOW:
            raise DestinationBusy("the destination rejects it for now", response=response)
        raise DestinationRefused("the destination refuses it", response=response)

    def close(self) -> None:
        """Close what is open; the next message connects anew."""
        with self._lock:
            idle, self._idle = self._idle, []
        for sender in idle:
            sender.close()

    @contextlib.contextmanager
    def _sender(self) -> Iterator[mllp.Sender]:
        """A connection for one message; the one that was used last comes first."""
        with self._places:
            with self._lock:
                sender = self._idle.pop() if self._idle else mllp.Sender(self._receiver)
            try:
                yield sender
            finally:
                with self._lock:
                    self._idle.append(sender)


def codes_of(answer: mllp.Acknowledgement) -> str:
    """MSA-1 and the error codes of an answer, "AE 102 207"; never its texts."""
    code = answer.code if _CODE.fullmatch(answer.code) else "?"
    return " ".join((code, *list(_errors(answer.raw))[:_MOST_ERRORS]))


def _errors(raw: bytes) -> Iterator[str]:
    """ERR-3.1, and where that is empty the codes of ERR-1 (ELD.4.1, before v2.5)."""
    start = raw.find(b"MSH")
    bar, marks = raw[start + 3 : start + 4], raw[start + 4 : start + 9].decode("latin-1")
    if start < 0 or not bar:
        return
    component, subcomponent = marks[:1] or "^", marks[3:4] or "&"
    for segment in _SEGMENT_ENDS.split(raw[start:]):
        if not segment.startswith(b"ERR" + bar):
            continue
        fields = [field.decode("latin-1") for field in segment.split(bar)]
        newer = fields[3].split(component)[0] if len(fields) > 3 else ""  # noqa: PLR2004 - ERR-3
        older = [repeat.split(component) for repeat in fields[1].split(marks[1:2] or "~")]
        found = [newer] if newer else [eld[3].split(subcomponent)[0] for eld in older if len(eld) > 3]  # noqa: PLR2004
        yield from (code for code in found if _CODE.fullmatch(code))


class FolderCourier:
    """Writes each message as a file, whole or not at all, under a name that sorts by the order of commits."""

    def __init__(self, folder: Path, publish: Callable[[Path, bytes], None], *, suffix: str = ".hl7") -> None:
        """Remember the folder.

        Args:
            folder: made when it is missing.
            publish: writes a file durably and atomically; raises StoreUnavailable.
            suffix: of the files.
        """
        self._folder = folder
        self._publish = publish
        self._suffix = suffix

    def carry(self, content: bytes, *, name: str) -> str | None:
        """Write the file. A repeat writes the same bytes under the same name.

        Raises:
            DestinationUnreachable: the folder does not take it.
        """
        try:
            self._publish(self._folder / f"{name}{self._suffix}", content)
        except StoreUnavailable as error:
            raise DestinationUnreachable("the folder of the destination does not take the file") from error
        return None

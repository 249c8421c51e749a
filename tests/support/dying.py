"""A role that kills itself with SIGKILL at a named point: `python -m tests.support.dying POINT ROLE`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before_send() -> None:
    from integration.clients.couriers import MllpCourier

    MllpCourier.carry = _die  # type: ignore[assignment,method-assign]


def _after_send() -> None:
    from integration.clients.couriers import MllpCourier

    carry = MllpCourier.carry

    def then_die(self: MllpCourier, content: bytes, *, name: str) -> None:
        carry(self, content, name=name)
        _die()

    MllpCourier.carry = then_die  # type: ignore[assignment,method-assign]


def _before_ack() -> None:
    from mappers.hl7v2 import ack

    ack.write = _die  # type: ignore[assignment]


def _before_mark() -> None:
    from integration.store.inbox import Inbox

    Inbox.mark_dispatched = _die  # type: ignore[assignment,method-assign]


def _before_store() -> None:
    from integration.flows.lab_report import LabReportFlow

    LabReportFlow._store = _die  # type: ignore[assignment,method-assign]


def _after_store() -> None:
    from integration.flows.lab_report import LabReportFlow

    story = LabReportFlow._story

    def then_die(self: LabReportFlow, message: Any) -> None:
        story(self, message)
        _die()

    LabReportFlow._story = then_die  # type: ignore[method-assign]


#: Where a role can die: after the commit and before the answer; after the engine took a message and before
#: the store knows; in a step before its commit; after it and before the engine knows.
POINTS = {
    # A delivery: before it is sent, and when the destination has it and the outbox does not know.
    "before-send": _before_send,
    "after-send": _after_send,
    "before-ack": _before_ack,
    "before-mark": _before_mark,
    "before-store": _before_store,
    "after-store": _after_store,
}

if __name__ == "__main__":
    point, *arguments = sys.argv[1:]
    POINTS[point]()
    sys.argv = ["wardwire", *arguments]
    from integration.cli import main

    main()

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


def _file_claimed() -> None:
    from integration.transports import folder

    folder._read = _die  # type: ignore[assignment]


def _file_committed() -> None:
    from integration.transports.folder import Folder

    Folder._finish = _die  # type: ignore[assignment,method-assign]


def _file_placed() -> None:
    from integration.transports import folder

    reserve = folder._reserve

    def then_die(*arguments: Any) -> None:
        reserve(*arguments)
        _die()

    folder._reserve = then_die  # type: ignore[assignment]


def _after_run() -> None:
    from integration.store.runs import Runs

    keep = Runs.keep

    def then_die(self: Runs, *arguments: Any) -> None:
        keep(self, *arguments)
        _die()

    Runs.keep = then_die  # type: ignore[method-assign]


def _in_model() -> None:
    from inference.backends.scripted import ScriptedGenerator

    ScriptedGenerator.generate = _die  # type: ignore[assignment,method-assign]


#: Where a role can die: after the commit and before the answer; after the engine took a message and before
#: the store knows; in a step before its commit; after it and before the engine knows; and with a file of a
#: watched folder claimed, committed, or linked to where it stays.
POINTS = {
    # A delivery: before it is sent, and when the destination has it and the outbox does not know.
    "before-send": _before_send,
    "after-send": _after_send,
    "before-ack": _before_ack,
    "before-mark": _before_mark,
    "before-store": _before_store,
    "after-store": _after_store,
    # After a model answered and before its answer was read; when a model is asked anything.
    "after-run": _after_run,
    "in-model": _in_model,
    "file-claimed": _file_claimed,
    "file-committed": _file_committed,
    "file-placed": _file_placed,
}

if __name__ == "__main__":
    point, *arguments = sys.argv[1:]
    POINTS[point]()
    sys.argv = ["wardwire", *arguments]
    from integration.cli import main

    main()

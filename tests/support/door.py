"""The door over a store of its own: Intake, inbox and database in a folder, a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from integration.flows.acknowledge import ApplicationAcks
from integration.flows.intake import Intake, Terms
from integration.states import MessageState
from integration.store import keys, messages
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.inbox import Inbox
from integration.store.migrations.upgrade import upgrade
from integration.store.records import Act, MessageFilter, StoredMessage
from mappers.domain.channels import Channel
from mappers.domain.issues import Issue

#: In no zone of UTC, so that a forgotten conversion shows.
CLOCK = datetime(2026, 11, 22, 15, 0, 15, 123_000, tzinfo=timezone(timedelta(hours=5, minutes=30)))
KEYS = keys.generate()


def message(
    control_id: str = "M-1",
    *,
    kind: str = "ORU^R01^ORU_R01",
    version: str = "2.5.1",
    body: str = "PID|1||MRN-1\rOBR|1|P1|F1",
    **fields: str,
) -> bytes:
    """A message; `msh11`, `msh13`, `msh15`, `msh16`, `msh18` are fields of its header."""
    values = {"msh11": "P", "msh13": "", "msh15": "", "msh16": "", "msh18": ""} | fields
    header = (
        f"MSH|^~\\&|LAB|HOSP|WW|HUB|20261122150000||{kind}|{control_id}|{values['msh11']}|{version}"
        f"|{values['msh13']}||{values['msh15']}|{values['msh16']}||{values['msh18']}"
    )
    return f"{header.rstrip('|')}\r{body}\r".encode()


def fields(payload: bytes, segment: str, n: int) -> list[str]:
    """Field n of every segment of a name in an answer."""
    lines = payload.decode("latin-1").split("\r")
    found = [line.split("|") for line in lines if line.startswith(segment)]
    return [line[n] if n < len(line) else "" for line in found]


def codes(payload: bytes | None) -> list[str]:
    """MSA-1 of every acknowledgement in an answer."""
    return fields(payload or b"", "MSA", 1)


@dataclass
class Door:
    """A door, what is behind it, and what a worker would do."""

    database: Database
    inbox: Inbox
    audit: Audit
    terms: dict[str, Terms] = field(default_factory=dict)

    @property
    def intake(self) -> Intake:
        """The door, under the terms as they are now."""
        return Intake(self.inbox, self.terms, clock=lambda: CLOCK)

    @property
    def acks(self) -> ApplicationAcks:
        """Application acknowledgements as a role sees them."""
        return ApplicationAcks(self.database, lambda: CLOCK, "mllp")

    def agree(self, **changes: Any) -> Door:
        """Other terms for the channel."""
        self.terms["lab"] = replace(self.terms["lab"], **changes)
        return self

    def receive(self, raw: bytes, **more: Any) -> Any:
        """What goes back for these bytes."""
        return self.intake.receive(raw, **{"channel": "lab", "peer": "10.0.0.1:4000", **more})

    def stored(self) -> list[StoredMessage]:
        """All messages in the order of their commits, without their bytes."""
        return sorted(self.inbox.list(MessageFilter(limit=1000)), key=lambda each: each.seq)

    def end(self, message_id: str, *issues: Issue, state: MessageState = MessageState.PROCESSED) -> None:
        """What a worker does to a message."""
        self.inbox.move(message_id, MessageState.PROCESSING, actor="worker").result(timeout=30)
        reason = None if state is MessageState.PROCESSED else "unreadable"
        act = Act("2026-11-22T09:30:20.000000Z", "worker", reason, issues)
        self.database.write(lambda c: messages.move(c, message_id, state, act)).result(timeout=30)


@contextmanager
def door_in(folder: Path) -> Iterator[Door]:
    """A door with one channel, "lab", over an empty store."""
    database = Database(f"sqlite:///{folder / 'store.sqlite'}")
    upgrade(database)
    inbox = Inbox(database, Blobs(folder / "blobs", KEYS), KEYS, clock=lambda: CLOCK)
    audit = Audit(database, KEYS, lambda: CLOCK)
    yield Door(database, inbox, audit, {"lab": Terms(Channel("lab"))})
    database.close()

"""A store on SQLite with an outbox, a clock that the test moves, and couriers that do as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from integration.states import DeliveryState
from integration.store import keys
from integration.store.audit import Audit
from integration.store.blobs import Blobs
from integration.store.database import Database
from integration.store.delivery_records import DeliveryFilter, Parcel, StoredDelivery
from integration.store.inbox import Inbox
from integration.store.migrations.upgrade import upgrade
from integration.store.outbox import Outbox
from integration.store.records import Arrival, MessageFilter, StoredMessage
from tests.integration.store.conftest import Clock


@dataclass
class Tray:
    """An outbox and short ways to use it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.database = Database(f"sqlite:///{self.folder / 'store.sqlite'}")
        upgrade(self.database)
        ring = keys.load_or_generate(self.folder / "keys.json")
        blobs = Blobs(self.folder / "blobs", ring)
        self.inbox = Inbox(self.database, blobs, ring, clock=self.clock)
        self.outbox = Outbox(self.database, blobs, ring, clock=self.clock)
        self.audit = Audit(self.database, ring, self.clock)

    def message(self, control_id: str = "M1", order_key: str = "patient-1") -> StoredMessage:
        """A message that was received."""
        arrival = Arrival(
            channel="lab", peer="p", raw=control_id.encode(), received_at=self.clock(),
            control_id=control_id, trigger="ORU^R01", order_key=order_key,
        )  # fmt: skip
        self.inbox.submit(arrival).result(timeout=30)
        return self.inbox.list(MessageFilter(control_id=control_id))[0]

    def put(self, content: bytes = b"|P|2.5.1\r", *, destination: str = "ehr", number: int = 1) -> str:
        """A delivery that waits; its id."""
        parcel = Parcel(
            destination=destination, form="ORU_R01", pieces=(b"MSH|^~\\&|||||||ORU^R01|", content)
        )
        prepared = [self.outbox.prepare(self.message(f"M{number}"), parcel)]
        return self.database.write(lambda c: self.outbox.add(c, prepared, self.clock())).result(30)[0]

    def only(self) -> StoredDelivery:
        """The only delivery."""
        (found,) = self.outbox.list(DeliveryFilter())
        return found

    def states(self) -> list[DeliveryState]:
        """Of all deliveries, oldest first."""
        return [each.state for each in reversed(self.outbox.list(DeliveryFilter()))]


@dataclass
class Courier:
    """Carries everything; `script` holds what to raise or answer first."""

    script: list[Exception | str | None] = field(default_factory=list)
    carried: list[tuple[str, bytes]] = field(default_factory=list)

    def carry(self, content: bytes, *, name: str) -> str | None:
        """As scripted, then AA for ever."""
        self.carried.append((name, content))
        answer = self.script.pop(0) if self.script else "AA"
        if isinstance(answer, Exception):
            raise answer
        return answer

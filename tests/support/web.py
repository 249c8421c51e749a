"""The web application over a store of its own, with a scripted inbox and a frozen clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from integration import telemetry
from integration.flows.review import Reviews
from integration.flows.review_ports import Unpaintable
from integration.flows.signers import ReviewTerms
from integration.states import DeliveryState, MessageState
from integration.store import keys, signatures
from integration.store.audit import Audit
from integration.store.delivery_records import StoredDelivery
from integration.store.ids import message_id
from integration.store.records import AuditRecord, MessageFilter, StoredMessage, Undispatched
from integration.web.app import create_app
from integration.web.review.desk import ReviewDesk
from integration.web.review.guard import Guard
from integration.web.services import Check, Services
from mappers.domain.acknowledgement import Verdict
from mappers.domain.attribution import Software
from tests.support.results import ResultStore, open_store

BASE = "https://wardwire.example"
#: In no zone of UTC, so that a forgotten conversion shows.
CLOCK = datetime(2026, 11, 22, 15, 0, 15, 123_000, tzinfo=timezone(timedelta(hours=5, minutes=30)))
KEYS = keys.generate()


@dataclass
class ScriptedInbox:
    """What the inbox would say."""

    states: dict[MessageState, int] = field(default_factory=dict)
    stored: list[StoredMessage] = field(default_factory=list)
    waiting: list[Undispatched] = field(default_factory=list)

    def counts(self) -> dict[MessageState, int]:
        """As scripted."""
        return self.states

    def list(self, wanted: MessageFilter) -> Sequence[StoredMessage]:
        """The newest of the scripted."""
        return self.stored[: wanted.limit]

    def undispatched(self, limit: int) -> Sequence[Undispatched]:
        """The oldest of the scripted."""
        return self.waiting[:limit]


@dataclass
class ScriptedOutbox:
    """What the outbox would say."""

    waiting: dict[tuple[str, DeliveryState], int] = field(default_factory=dict)

    def counts(self) -> dict[tuple[str, DeliveryState], int]:
        """As scripted."""
        return self.waiting


def stored_message(**changes: Any) -> StoredMessage:
    """A received message."""
    message = StoredMessage(
        id=message_id(CLOCK, bytes(8)), seq=1, channel="lab", peer="10.0.0.1:4000", sender="LAB|NORTH",
        control_id="C-1", trigger="ORU^R01^ORU_R01", version="2.5.1", processing_id="P",
        received_at="2026-11-22T09:30:15.123000Z", size=2048, digest="d:00", order_key="k",
        state=MessageState.RECEIVED, verdict=Verdict.ACCEPTED, issues=(), reason=None, attempts=0, replays=0,
        dispatched_at=None, finished_at=None, parent_id=None,
    )  # fmt: skip
    return replace(message, **changes)


def waiting_since(moment: datetime) -> Undispatched:
    """A message that came at this moment and is not handed to the engine."""
    return Undispatched(message_id(moment, bytes(8)), 1, "k", "lab", "ORU^R01", 0)


def waiting_delivery(*, queued_at: str) -> StoredDelivery:
    """A delivery whose destination was not there."""
    return StoredDelivery(
        id=message_id(CLOCK, bytes(8)), seq=2, message_id=message_id(CLOCK, bytes(8)), destination="ehr",
        form="ORU_R01", control_id="0" * 20, order_key="k", state=DeliveryState.RETRYING, reason="unreachable",
        response=None, attempts=3, rejections=0, rounds=0, queued_at=queued_at, next_attempt_at=None,
        dispatched_at=queued_at, finished_at=None, size=100, digest="d:00",
    )  # fmt: skip


@dataclass
class Web:
    """An application, what is behind it, and a client on this machine."""

    services: Services
    store: ResultStore
    inbox: ScriptedInbox
    outbox: ScriptedOutbox

    @property
    def client(self) -> FlaskClient:
        """A new client."""
        return create_app(self.services).test_client()

    def get(self, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """The answer to a GET from this machine, under a host name of ours."""
        return self.client.get(path, headers={"Host": "localhost", **(headers or {})}, **more)

    def audited(self, kind: str = "result.") -> list[AuditRecord]:
        """What the audit chain holds of this kind; the chain must verify."""
        audit = Audit(self.store.database, KEYS, lambda: CLOCK)
        assert audit.verify().whole
        return [record for record in audit.records() if record.event.kind.startswith(kind)]


def desk(store: ResultStore) -> ReviewDesk:
    """Sign-off over a store; nobody draws pages."""
    reviews = Reviews(
        database=store.database,
        results=store.results,
        terms=ReviewTerms(meanings=("reviewed and approved",)),
        software=Software("Wardwire", "0.0.0-test"),
        clock=lambda: CLOCK,
        seal=partial(signatures.seal, KEYS),
    )
    return ReviewDesk(reviews, Unpainted(), Guard(KEYS.mark_of, lambda: CLOCK, BASE))


class Unpainted:
    """Draws nothing."""

    def paint(self, content, page, marks):
        """Refuses."""
        raise Unpaintable("nothing is drawn here")


@contextmanager
def web_over(folder: Path, **changes: Any) -> Iterator[Web]:
    """An application over an empty store in this folder; `changes` are fields of `Services`."""
    store, inbox, registry = open_store(folder, KEYS), ScriptedInbox(), CollectorRegistry()
    outbox = ScriptedOutbox()
    ids = iter(range(1, 10_000))
    services = Services(
        database=store.database,
        results=store.results,
        messages=inbox,
        deliveries=outbox,
        software=Software("Wardwire", "0.0.0-test"),
        public_base=BASE,
        **{"review": desk(store), **changes},
        clock=lambda: CLOCK,
        new_id=lambda: f"request-{next(ids)}",
        metrics=telemetry.metrics(registry),
        registry=registry,
    )
    yield Web(services, store, inbox, outbox)
    store.database.close()


def passing(name: str, *, required: bool = True) -> Callable[[], Check]:
    """A probe that finds nothing wrong."""
    return lambda: Check(name, passed=True, reason="fine", required=required)


def failing(name: str, *, required: bool = True) -> Callable[[], Check]:
    """A probe that finds something wrong."""
    return lambda: Check(name, passed=False, reason="broken", required=required)

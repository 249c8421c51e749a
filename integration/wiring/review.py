"""Sign-off as the web and the shell use it: the people of the settings, the seal of the installation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from integration.flows.review import Reviews
from integration.flows.review_ports import Unpaintable
from integration.flows.sending import Bound, Sending
from integration.flows.signers import Listed, ReviewTerms
from integration.settings import Settings
from integration.store import signatures
from integration.store.database import Transaction
from integration.store.inbox import Inbox
from integration.store.outbox import Prepared
from integration.store.records import StoredMessage
from integration.store.result_records import WriteOutcome
from integration.web.review.desk import ReviewDesk
from integration.web.review.guard import Guard
from integration.wiring import stores
from integration.wiring.destinations import build_sending
from integration.wiring.stores import Store


def build_terms(settings: Settings) -> ReviewTerms:
    """What the settings say of reviews."""
    return ReviewTerms(
        meanings=settings.review.meanings,
        signers={
            login: Listed(
                each.name,
                (each.number_system, each.number) if each.number and each.number_system else None,
            )
            for login, each in settings.review.signers.items()
        },
        local_names=settings.review.local_names and settings.web.token_file is None,
    )


@dataclass(frozen=True, slots=True)
class Leaving:
    """What leaves with one decision (`flows.review_ports.Release`)."""

    sending: Sending
    message: StoredMessage
    prepared: tuple[Prepared | Bound, ...]

    def add(self, connection: Transaction, *, outcomes: Sequence[WriteOutcome], now: datetime) -> None:
        """As the port says."""
        self.sending.add(connection, self.message, self.prepared, outcomes=outcomes, now=now)


@dataclass(frozen=True, slots=True)
class Releases:
    """The way to the destinations of the message that a draft came from (`flows.review_ports.Releasing`)."""

    inbox: Inbox
    sending: Sending

    def prepare(self, message_id: str, resources: Sequence[Mapping[str, Any]]) -> Leaving:
        """As the port says."""
        message = self.inbox.load(message_id)
        return Leaving(self.sending, message, self.sending.prepare_resources(message, resources))


def build_reviews(settings: Settings, store: Store) -> Reviews:
    """The story of sign-off.

    Raises:
        SettingsInvalid: a destination that cannot be written for.
    """
    return Reviews(
        database=store.database,
        results=store.results,
        terms=build_terms(settings),
        software=stores.software(),
        clock=stores.now,
        seal=partial(signatures.seal, store.keys),
        responsible=_responsible(settings),
        releasing=Releases(store.inbox, build_sending(settings, store)),
    )


class Painter:
    """Draws pages in the process that parses foreign bytes (`flows.review_ports.PagePainter`)."""

    def paint(
        self, content: bytes, page: int, marks: Sequence[tuple[tuple[float, float, float, float], bool]]
    ) -> bytes:
        """As the port says."""
        from inference.errors import InferenceError
        from inference.media import overlay

        frames = [overlay.Mark(box, overlay.VALUE if is_value else overlay.BESIDE) for box, is_value in marks]
        try:
            return overlay.draw(content, page, frames)
        except InferenceError as error:
            raise Unpaintable(str(error)) from None


def build_desk(settings: Settings, store: Store) -> ReviewDesk:
    """What the pages of sign-off need."""
    guard = Guard(mark=store.keys.mark_of, clock=stores.now, public_base=settings.public_base)
    return ReviewDesk(build_reviews(settings, store), Painter(), guard)


def _responsible(settings: Settings) -> dict[str, Any] | None:
    name = settings.audit.organization
    return {"type": "Organization", "display": name} if name else None

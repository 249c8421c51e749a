"""What sign-off asks of the world beside the store; `wiring` hands in the real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from integration.store.database import Transaction
from integration.store.result_records import WriteOutcome


class Unpaintable(Exception):
    """A page that cannot be drawn: damaged, locked, too large, or not there."""


class PagePainter(Protocol):
    """Draws pages of documents and pictures for people, in a process of its own."""

    def paint(
        self,
        content: bytes,
        page: int,
        marks: Sequence[tuple[tuple[float, float, float, float], bool]],
    ) -> bytes:
        """One page as PNG with frames on it.

        Args:
            content: PDF or picture.
            page: of the document, or frame of the picture, from 1.
            marks: boxes in the page's units, and whether a value stands there or what belongs to it.

        Raises:
            Unpaintable: it cannot be drawn.
        """


class Release(Protocol):
    """What leaves with something that a person decided, ready for its transaction."""

    def add(self, connection: Transaction, *, outcomes: Sequence[WriteOutcome], now: datetime) -> None:
        """Put it into the outbox, in the transaction that stores the decision.

        Args:
            connection: of that transaction.
            outcomes: what became of each resource.
            now: aware.
        """


class Releasing(Protocol):
    """The way of what a person signed to its destinations."""

    def prepare(self, message_id: str, resources: Sequence[Mapping[str, Any]]) -> Release:
        """Write and seal what these resources lead to, before the transaction that stores them.

        Args:
            message_id: the stored message that the draft came from.
            resources: as they will stand.

        Raises:
            StoreUnavailable: it cannot be prepared now.
        """

"""Reviews over the bench of readings: drafts by a scripted reader, decisions by people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from integration.flows.review import Reviews
from integration.flows.review_acts import Decision
from integration.flows.signers import Listed, ReviewTerms
from integration.store import signatures
from integration.wiring import stores
from mappers.fhir.signing import Person
from tests.integration.flows.test_documents import Bench

ADA = Person(name="Dr Ada Rossi", login="ada", number=("https://example.org/staff", "4711"))
MEANING = "reviewed and approved"
TERMS = ReviewTerms(
    meanings=(MEANING, "approved with corrections"),
    signers={"ada": Listed("Dr Ada Rossi", ("https://example.org/staff", "4711"))},
)


class Desk:
    """Drafts, and the person who decides about them."""

    def __init__(self, bench: Bench, terms: ReviewTerms = TERMS, **more: Any) -> None:
        self.bench = bench
        self.reviews = Reviews(
            database=bench.store.database,
            results=bench.store.results,
            terms=terms,
            software=stores.software(),
            clock=self.clock,
            seal=partial(signatures.seal, bench.store.keys),
            **more,
        )

    def clock(self) -> datetime:
        """Now: what changed is told by the times of versions, so that all of them have one clock."""
        return datetime.now(UTC)

    def only(self) -> Any:
        """The only case that waits."""
        (case,) = self.reviews.waiting()
        return case

    def decision(self, case: Any, reason: str = MEANING, **more: Any) -> Decision:
        """Ada's, about what was shown."""
        return Decision(person=ADA, seen=case.seen, reason=reason, **more)

    def sign(self, case: Any = None, **more: Any) -> Any:
        """Ada signs."""
        case = case or self.only()
        return self.reviews.sign(case.task.reference, self.decision(case, **more))


@contextmanager
def desk_in(folder: Path, **more: Any) -> Iterator[Desk]:
    """An empty one."""
    bench = Bench(folder)
    yield Desk(bench, **more)
    bench.store.database.close()

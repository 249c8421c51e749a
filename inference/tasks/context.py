"""What order and chart say of a patient, for a prompt: background, never instructions, never who it is.

The caller hands in words of the order and of the record; nothing here asks for more. Each text has a limit,
so that a chart cannot push the question out of the model's sight, and a cut is marked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from mappers.domain.coding import Concept
from mappers.domain.findings import Source, SourceKind
from mappers.domain.orders import Order

_LONGEST: Final = 1500
_MOST_LABS: Final = 30
_CUT: Final = " [cut]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientContext:
    """Words about a patient.

    Attributes:
        reason: why the study was asked for.
        history: clinical information that came with the order, notes included.
        prior_report: text of the last report of the same kind.
        labs: results as printed, "CRP 120 mg/L (2026-01-05)".
        age: in words, "63 years"; sex: "female".
        references: what the words came from, as references of our own store.
    """

    reason: str = ""
    history: str = ""
    prior_report: str = ""
    labs: tuple[str, ...] = field(default=())
    age: str = ""
    sex: str = ""
    references: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """All of it as the prompt gets it; "" when there is nothing."""
        labs = "; ".join(lab.strip() for lab in self.labs[:_MOST_LABS] if lab.strip())
        lines = (
            ("Patient", ", ".join(filter(None, (self.age, self.sex)))),
            ("Reason for the study", self.reason),
            ("History", self.history),
            ("Results", labs + (_CUT if len(self.labs) > _MOST_LABS else "")),
            ("Earlier report", self.prior_report),
        )
        return "\n".join(f"{label}: {_short(words)}" for label, words in lines if words.strip())

    @property
    def sources(self) -> tuple[Source, ...]:
        """What was used, for Provenance: the text as it was given, under each of its references."""
        if not self.text:
            return ()
        sha256 = hashlib.sha256(self.text.encode()).hexdigest()
        return tuple(
            Source(
                kind=SourceKind.TEXT, sha256=sha256, media_type="text/plain", reference=each, role="context"
            )
            for each in self.references or ("",)
        )


def of_order(order: Order, *, reference: str = "") -> PatientContext:
    """What an order says: its reasons, its clinical information and its notes."""
    reasons = "; ".join(filter(None, map(_words, order.reasons)))
    notes = (order.clinical_information or "", *(note.text for note in order.notes))
    return PatientContext(
        reason=reasons,
        history="\n".join(note.strip() for note in notes if note.strip()),
        references=(reference,) if reference else (),
    )


def _words(concept: Concept) -> str:
    return concept.text or next((coding.display for coding in concept.codings if coding.display), "")


def _short(text: str) -> str:
    words = text.strip()
    return words if len(words) <= _LONGEST else words[:_LONGEST].rstrip() + _CUT

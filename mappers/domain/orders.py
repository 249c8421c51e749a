"""Orders: what was asked for, by whom, why."""

from __future__ import annotations

from dataclasses import dataclass, field

from mappers.domain.coding import Concept
from mappers.domain.identifiers import Identifier, Identity
from mappers.domain.people import Practitioner
from mappers.domain.times import Moment


@dataclass(frozen=True, slots=True)
class Note:
    """A comment (NTE), its lines in order, and the segment it came from."""

    text: str
    origin: str
    author: Practitioner | None = None
    time: Moment | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A service request (ORC, OBR).

    Attributes:
        status: FHIR request-status.
        intent: FHIR request-intent.
        priority: FHIR request-priority or None.
        origins: labels of the segments it was read from, e.g. ("ORC[1]", "OBR[1]").
    """

    identity: Identity
    status: str
    intent: str = "order"
    identifiers: tuple[Identifier, ...] = field(default=())
    requisition: Identifier | None = None
    accession: Identifier | None = None
    code: Concept | None = None
    category: tuple[Concept, ...] = field(default=())
    priority: str | None = None
    authored_on: Moment | None = None
    occurrence: Moment | None = None
    requester: tuple[Practitioner, ...] = field(default=())
    reasons: tuple[Concept, ...] = field(default=())
    clinical_information: str | None = None
    notes: tuple[Note, ...] = field(default=())
    origins: tuple[str, ...] = field(default=())
